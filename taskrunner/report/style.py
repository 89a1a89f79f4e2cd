"""The looks of the page: light, dark and print; colour says what a word or a shape says as well."""

LIGHT = """
  --ink: #1c2530; --soft: #566370; --line: #dfe4e9; --paper: #fff; --panel: #f6f8fa; --link: #0b57a4;
  --bad: #b3261e; --bad-bg: #fdecea; --warn: #7a4f00; --warn-bg: #fff4dc; --ok: #22693f; --ok-bg: #e6f4ec;
  --bar: #5b87b2; --l1: #dcebf7; --l2: #b3d2ec; --l3: #6fa8d6; --l4: #2b6ca8; --l5: #12375e; --on: #fff;
    --on3: #000;
"""
DARK = """
  --ink: #e6ebf0; --soft: #a3b0bc; --line: #2d3741; --paper: #12181e; --panel: #1a222a; --link: #7fb7ff;
  --bad: #ff8a80; --bad-bg: #3a1a18; --warn: #f2c14e; --warn-bg: #3a2d10; --ok: #6fd19a; --ok-bg: #15301f;
  --bar: #5f93c7; --l1: #18293a; --l2: #1f415f; --l3: #2d6693; --l4: #7db4e2; --l5: #d3e8fa;
    --on: #0c141b; --on3: #fff;
"""
THEME = (
    ":root { color-scheme: light dark;"
    + LIGHT
    + "}\n@media screen and (prefers-color-scheme: dark) { :root {"
    + DARK
    + """} }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  font-variant-numeric: tabular-nums; }
"""
)
"""The colours, light and dark, and the text: what every page of taskrunner has."""

STYLE = (
    THEME
    + """
header, main, footer { max-width: 75rem; margin: auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 1.4rem 0 .2rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .4rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .2rem; color: var(--soft); font-weight: 600; }
a { color: var(--link); } p { margin: .4rem 0; }
.soft, small, figcaption, caption { color: var(--soft); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: 0; padding: .6rem 0;
  border-bottom: 1px solid var(--line); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem;
  margin: 1rem 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
  padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; }
.tile.alert { background: var(--bad-bg); border-color: var(--bad); }
.tile.alert b { color: var(--bad); }
.scroll { overflow-x: auto; margin: .6rem 0; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; padding: .2rem 0; }
th { text-align: left; font-weight: 600; vertical-align: top; }
thead th { color: var(--soft); font-size: .8rem; padding: .3rem .8rem .3rem 0; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tbody th, td { padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td small, th small { display: block; font-weight: 400; }
.n { text-align: right; white-space: nowrap; }
.wide { min-width: 15rem; overflow-wrap: anywhere; } .pic { min-width: 11rem; width: 22%; }
.whole { display: none; } .task { overflow-wrap: break-word; } .lines small { display: inline;
  margin-left: .4rem; }
tbody th { min-width: 11rem; } .map tbody th { min-width: 0; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--link); }
.marks { white-space: nowrap; letter-spacing: .04rem; color: var(--ok); font-size: .8rem; }
.marks i { font-style: normal; color: var(--bad); font-weight: 700; }
.badge { display: inline-block; white-space: nowrap; border-radius: .3rem; padding: 0 .45rem;
  font-weight: 600;
  background: var(--panel); color: var(--soft); }
.badge.bad { background: var(--bad-bg); color: var(--bad); }
.badge.warn { background: var(--warn-bg); color: var(--warn); }
.badge.ok { background: var(--ok-bg); color: var(--ok); }
figure { margin: .8rem 0; } figcaption { font-size: .9rem; }
svg { display: block; width: 100%; height: 1.15rem; overflow: visible; }
svg.tall { height: 8rem; }
.track { fill: var(--panel); } .bad-ink { fill: var(--bad); } .warn-ink { fill: var(--warn); }
.dark-ink { fill: var(--ink); } .bar { fill: var(--bar); } .soft-ink { fill: var(--soft); }
.guide { fill: var(--line); }
.lines { display: grid; grid-template-columns: minmax(7rem, 17rem) 1fr auto; gap: .25rem .9rem;
  align-items: center;
  font-size: .9rem; }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr));
  gap: 1rem 2rem; }
.map { table-layout: fixed; font-size: .7rem; }
.map th, .map td { padding: 0; text-align: center; height: 1.35rem; vertical-align: middle;
  border: 1px solid var(--paper); }
.map td { background: var(--panel); color: var(--soft); } .map thead th { font-size: .7rem; }
.map.key { margin: .2rem 0 0; } .map .l1 { background: var(--l1); color: var(--ink); }
.map .l2 { background: var(--l2); color: var(--ink); }
.map .l3 { background: var(--l3); color: var(--on3); } .map .l4 { background: var(--l4); color: var(--on); }
.map .l5 { background: var(--l5); color: var(--on); }
.key span { display: inline-block; min-width: 3.4rem; text-align: center; font-size: .75rem;
  padding: 0 .3rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); border-radius: .4rem;
  margin: .3rem 0;
  padding: .4rem .7rem; font-size: .8rem; }
.path { overflow-wrap: anywhere; } footer { margin-top: 3rem; padding-bottom: 2rem; }
@media (max-width: 600px) {
  .scroll { overflow-x: visible; }
  table.cards, table.cards tbody, table.cards tr, table.cards td, table.cards tbody th { display: block; }
  table.cards caption { display: block; }
  table.cards td small { display: inline; margin-left: .4rem; }
  table.cards td.wide small { display: block; margin: 0; }
  .marks { letter-spacing: 0; font-size: .7rem; }
  table.cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  table.cards tr { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem;
    margin: .7rem 0; }
  table.cards td { position: relative; border: 0; padding: .12rem 0 .12rem 7rem; text-align: left;
    min-height: 1.5rem;
    min-width: 0; white-space: normal; width: auto; }
  table.cards td::before { content: attr(data-l); position: absolute; left: 0; color: var(--soft);
    font-size: .8rem; }
  table.cards tbody th { border: 0; padding: 0 0 .2rem; } table.cards td:empty { display: none; }
  .lines { grid-template-columns: 1fr auto; grid-auto-flow: dense; }
  .lines > :nth-child(3n+2) { grid-column: 1 / -1; }
  .map { font-size: .62rem; }
}
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light; }
  body { font-size: 10pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  header, main, footer { max-width: none; padding: 0; }
  nav { display: none; } .scroll { overflow: visible; } .short { display: none; }
  .whole { display: inline; }
  h2, h3, caption { break-after: avoid; } .tile, tr, figure, li { break-inside: avoid; }
  table { font-size: 8pt; } .tiles { grid-template-columns: repeat(5, 1fr); gap: .4rem; }
  .tile b { font-size: 1.2rem; }
  .wide { min-width: 8rem; } .pic { min-width: 6rem; }
}
"""
)
