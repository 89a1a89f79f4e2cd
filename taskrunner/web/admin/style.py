"""The looks of the administration: light, dark and print; colour says what a word says as well."""

from __future__ import annotations

from taskrunner.report.markup import THEME

STYLE = (
    THEME
    + """
header, main, footer { max-width: 78rem; margin: auto; padding: 0 1.25rem; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
nav { display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; padding: .8rem 0; align-items: baseline;
  border-bottom: 1px solid var(--line); }
nav b { margin-right: .5rem; overflow-wrap: anywhere; }
nav a { color: var(--soft); text-decoration: none; padding: .15rem 0; }
nav a:hover { text-decoration: underline; }
nav a[aria-current] { color: var(--ink); border-bottom: 2px solid var(--link); }
h1 { font-size: 1.6rem; margin: 1.3rem 0 .1rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .35rem 0; } a { color: var(--link); } code { font-size: .92em; overflow-wrap: anywhere; }
.soft, small, caption, .hint, dt, figcaption { color: var(--soft); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: .2rem; }
.notice { border-radius: .4rem; padding: .45rem .9rem; margin: .9rem 0 0; display: flex; flex-wrap: wrap;
  gap: .2rem .9rem; align-items: baseline; border-left: .3rem solid currentColor; }
.notice p { margin: 0; overflow-wrap: anywhere; } .notice a { color: inherit; }
.good { background: var(--ok-bg); color: var(--ok); } .notice.late { background: var(--warn-bg);
  color: var(--warn); }
.notice.bad { background: var(--bad-bg); color: var(--bad); }
form { margin: .7rem 0; } form.inline { display: inline-block; margin: 0; }
form.row, .row { display: flex; flex-wrap: wrap; gap: .5rem .8rem; align-items: end; }
.field { display: flex; flex-direction: column; gap: .15rem; max-width: 100%; }
label { font-size: .85rem; font-weight: 600; } .hint { font-size: .82rem; margin: 0; max-width: 24rem; }
.check { display: flex; gap: .4rem; align-items: baseline; }
.error { color: var(--bad); font-weight: 600; margin: 0; max-width: 40rem; overflow-wrap: anywhere; }
input, select, button { font: inherit; color: inherit; background: var(--paper); max-width: 100%;
  border: 1px solid var(--soft); border-radius: .35rem; padding: .3rem .55rem; }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; }
input[aria-invalid] { border: 2px solid var(--bad); }
button { cursor: pointer; background: var(--panel); } button:hover { border-color: var(--ink); }
button.main { border-color: var(--link); color: var(--link); font-weight: 600; }
button.danger { border-color: var(--bad); color: var(--bad); font-weight: 600; }
td button { padding: .1rem .5rem; font-size: .9rem; white-space: nowrap; }
.filters { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; padding: 0; margin: .7rem 0; }
.filters a[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
caption { text-align: left; padding: .2rem 0; font-size: .85rem; }
th { text-align: left; font-weight: 600; vertical-align: top; }
thead th { color: var(--soft); font-size: .82rem; padding: .3rem .9rem .3rem 0; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tbody th, td { padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word; }
tbody th { font-weight: 500; overflow-wrap: anywhere; min-width: 8rem; }
tbody th.nw { min-width: 0; } td.sched { min-width: 9.5rem; }
td small, th small { display: block; font-weight: 400; font-size: .92em; }
.n { text-align: right; white-space: nowrap; } .nw { white-space: nowrap; }
.wide { min-width: 14rem; overflow-wrap: anywhere; }
.state.bad, td.bad, dd .bad { color: var(--bad); font-weight: 600; } .state.late { color: var(--warn);
  font-weight: 600; }
.state.aside { color: var(--soft); }
.marks { white-space: nowrap; letter-spacing: .06rem; color: var(--ok); font-size: .85rem; }
.marks b { color: var(--bad); font-weight: 700; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .6rem 0; }
dd { margin: 0; overflow-wrap: anywhere; } dd ol.plain { margin: 0; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--link); width: fit-content; }
li { overflow-wrap: anywhere; } ul.plain, ol.plain { list-style: none; padding: 0; margin: .4rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); border-radius: .4rem;
  margin: .4rem 0; padding: .6rem .8rem; font-size: .85rem; border: 1px solid var(--line); }
figure { margin: .8rem 0; } figcaption { font-size: .87rem; }
svg { display: block; width: 100%; height: 7rem; overflow: visible; }
.bar { fill: var(--bar); } .bad-ink { fill: var(--bad); } .guide { fill: var(--line); }
.usual { fill: var(--soft); }
progress { width: 100%; max-width: 14rem; height: .7rem; accent-color: var(--bar); }
footer { margin-top: 3rem; padding-bottom: 2rem; font-size: .87rem; color: var(--soft); }
@media (max-width: 44rem) {
  header, main, footer { padding: 0 .9rem; }
  .scroll { overflow-x: visible; }
  table.cards, table.cards tbody, table.cards tr, table.cards td, table.cards tbody th { display: block; }
  table.cards caption { display: block; }
  table.cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  table.cards tr { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem;
    margin: .7rem 0; }
  table.cards td { position: relative; border: 0; padding: .12rem 0 .12rem 6.5rem; text-align: left;
    min-height: 1.5rem; min-width: 0; white-space: normal; }
  table.cards td::before { content: attr(data-l); position: absolute; left: 0; color: var(--soft);
    font-size: .82rem; }
  table.cards tbody th { border: 0; min-width: 0; padding: 0 0 .2rem; font-weight: 600;
    overflow-wrap: anywhere; }
  table.cards td:empty { display: none; }
}
@media (max-width: 30rem) {
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
}
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light; }
  body { font-size: 10pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  header, main, footer { max-width: none; padding: 0; }
  nav, form, form.row, form.inline, button, .skip, .filters, main details:not([open]) { display: none; }
  .scroll { overflow: visible; }
  h2, caption { break-after: avoid; } tr, figure { break-inside: avoid; } table { font-size: 8.5pt; }
}
"""
)
