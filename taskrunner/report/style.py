"""The style sheet of the page: screen, phone and paper, black on white."""

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #111; background: #fff; margin: 0 auto; padding: 1rem;
  max-width: 72rem; }
h1 { margin: 0; }
h2 { border-bottom: 2px solid #111; margin-top: 2.5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1.25rem; list-style: none; padding: 0; }
a { color: #111; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 3px solid #111; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: bold; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
  border-bottom: 1px solid #999; }
tbody th { font-weight: normal; overflow-wrap: break-word; }
.text { overflow-wrap: anywhere; min-width: 13rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  gap: 1rem 2rem; }
figure { margin: 1rem 0; max-width: 40rem; break-inside: avoid; }
figcaption { font-size: .875rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 10px system-ui, sans-serif; fill: #111; }
svg .mark { font-size: 9px; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .ink { fill: #111; }
svg .thin { stroke: #111; stroke-width: 1.5; }
svg .guide { stroke: #bbb; stroke-width: .5; }
svg .cell { fill: #000; stroke: #999; stroke-width: .4; }
svg .line { fill: none; stroke: #111; stroke-width: 1.5; }
svg .dashed { fill: none; stroke: #111; stroke-width: 1; stroke-dasharray: 2 2; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid #999; padding-left: .75rem;
  margin: .25rem 0 1rem; font-size: .8125rem; }
.path { overflow-wrap: anywhere; }
@media print {
  @page { margin: 15mm; }
  body { font-size: 10pt; padding: 0; max-width: none; -webkit-print-color-adjust: exact;
    print-color-adjust: exact; }
  nav { display: none; }
  .scroll { overflow: visible; }
  .text { min-width: 8rem; }
  figure { max-width: 13cm; }
  h2 { break-after: avoid; }
  tr, li { break-inside: avoid; }
  thead { display: table-header-group; }
  table { font-size: 8pt; }
}
"""
