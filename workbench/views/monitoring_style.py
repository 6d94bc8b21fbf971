"""The looks of the monitoring page: its list, its time axis, its canary."""

from __future__ import annotations

STYLE = """
.wb-page .wb-lines { border:1px solid var(--line); border-radius:12px; background:var(--card); overflow:hidden; }
.wb-page .wb-lines-bar {
  display:flex; flex-wrap:wrap; gap:10px 16px; align-items:flex-end; padding:14px 18px;
  border-bottom:1px solid var(--line);
}
.wb-page .wb-lines [hidden] { display:none !important; }
.wb-page .wb-lines-find { display:flex; flex-direction:column; gap:4px; flex:1 1 240px; max-width:380px; margin:0; }
.wb-page .wb-lines-find span { font-weight:600; font-size:14px; }
.wb-page .wb-lines-find input {
  font:inherit; font-size:15px; color:var(--ink); background:var(--card); padding:7px 11px;
  border:1px solid var(--field); border-radius:7px; min-height:38px; box-sizing:border-box; width:100%;
}
.wb-page .wb-lines-find input::placeholder { color:var(--faint); opacity:1; }
.wb-page .wb-lines-states { display:flex; flex-wrap:wrap; gap:6px; }
.wb-page .wb-chip {
  font:inherit; font-size:13px; font-weight:600; border-radius:18px; min-height:36px; padding:3px 14px; cursor:pointer;
  border:1px solid transparent;
}
.wb-page .wb-chip[aria-pressed="true"] { border-color:currentColor; box-shadow:inset 0 0 0 1px currentColor; }
.wb-page .wb-lines-both { max-height:min(470px,56vh); overflow-y:auto; overflow-x:hidden; scroll-padding-top:56px; }
.wb-page .wb-model {
  display:grid; grid-template-columns:104px minmax(0,1fr) 62px 112px 84px 64px; gap:2px 14px; align-items:center;
  padding:7px 18px; border-bottom:1px solid var(--trough); cursor:pointer; font-size:14px; line-height:1.35;
}
.wb-page .wb-model:hover { background:var(--soft); }
.wb-page .wb-model[aria-selected="true"] { background:var(--ours-soft); box-shadow:inset 4px 0 0 var(--ours); }
.wb-page .wb-model:focus-visible { outline:3px solid var(--focus); outline-offset:-3px; }
.wb-page .wb-model-head {
  cursor:default; color:var(--quiet); font-size:12.5px; font-weight:600; border-bottom:1px solid var(--line);
  position:sticky; top:0; z-index:1; background:var(--card);
}
.wb-page .wb-model-head:hover { background:var(--card); }
.wb-page .wb-model-head > :nth-child(n+5), .wb-page .wb-count, .wb-page .wb-failed { text-align:right; }
.wb-page .wb-state {
  border-radius:5px; padding:2px 8px; font-size:12.5px; font-weight:600; text-align:center; white-space:nowrap;
}
.wb-page .wb-is-act { background:var(--no-soft); color:var(--no); }
.wb-page .wb-is-watch { background:var(--open-soft); color:var(--open); }
.wb-page .wb-is-unseen { background:var(--closed); color:var(--quiet); }
.wb-page .wb-is-healthy { background:var(--yes-soft); color:var(--yes); }
.wb-page .wb-why { white-space:nowrap; overflow:hidden; text-overflow:ellipsis; min-width:0; }
.wb-page .wb-why .wb-name { font-weight:650; margin-right:8px; }
.wb-page .wb-why .wb-extra { color:var(--quiet); font-size:13px; margin-right:8px; }
.wb-page .wb-model .wb-spark { width:112px; height:24px; }
.wb-page .wb-when { color:var(--quiet); font-size:13px; white-space:nowrap; }
.wb-page .wb-lines > .wb-empty { padding:12px 18px; }

.wb-page .wb-card .wb-cause { font-size:16px; margin-top:4px; }
.wb-page .wb-card h2 .wb-quiet { font-weight:400; margin-left:6px; }
.wb-page .wb-card .wb-parts { grid-template-columns:repeat(auto-fit,minmax(112px,1fr)); }
.wb-time, .wb-belief { display:block; width:100%; height:auto; }
.wb-timed { overflow-x:auto; direction:rtl; } /* what is newest is in view first */
.wb-timed > div { direction:ltr; display:grid; max-width:1120px; min-width:740px; }
.wb-timed > div > svg { grid-area:1 / 1; }
.wb-scale { position:sticky; left:0; display:block; pointer-events:none; } /* stays while the hours are moved */
.wb-scale rect { fill:var(--card); fill-opacity:.85; }
.wb-timed:focus-visible { outline:3px solid var(--focus); outline-offset:2px; }
.wb-belief { max-width:360px; }
.wb-panel-title { font-size:13px; font-weight:600; fill:var(--ink); }
.wb-tick { font-size:11.5px; fill:var(--quiet); }
.wb-panel-title, .wb-tick { paint-order:stroke; stroke:var(--card); stroke-width:3px; }
.wb-grid { stroke:var(--grid); stroke-width:1; }
.wb-base { stroke:var(--edge); stroke-width:1; }
.wb-fill { fill:var(--area); }
.wb-line-a, .wb-line-b, .wb-line-c { fill:none; stroke-width:1.8; stroke-linejoin:round; }
.wb-line-a { stroke:var(--ours); }
.wb-line-b { stroke:var(--theirs); stroke-dasharray:5 3; }
.wb-line-c { stroke:var(--yes); stroke-dasharray:2 2; }
.wb-dot-a { fill:var(--ours); } .wb-dot-b { fill:var(--theirs); } .wb-dot-c { fill:var(--yes); }
.wb-bad-time { fill:var(--no-soft); }
line.wb-event { stroke-width:1.3; }
line.wb-event-move { stroke:var(--theirs); stroke-dasharray:3 3; }
line.wb-event-bad { stroke:var(--no); }
circle.wb-event-move { fill:var(--theirs); } circle.wb-event-bad { fill:var(--no); }
.wb-event-number { font-size:11px; font-weight:700; fill:var(--on-mark); }
.wb-page ol.wb-marks { list-style:none; margin:6px 0 0; padding:0; font-size:14px; }
.wb-marks li { margin:4px 0; }
b.wb-event-key {
  display:inline-block; min-width:19px; height:19px; line-height:19px; border-radius:10px; text-align:center;
  color:var(--on-mark); font-size:11.5px; margin-right:4px;
}
b.wb-event-move { background:var(--theirs); } b.wb-event-bad { background:var(--no); }
.wb-measures { display:grid; grid-template-columns:repeat(auto-fit,minmax(260px,1fr)); gap:16px 28px; margin:12px 0; }
.wb-judged .wb-bar { max-width:360px; margin-top:6px; }
.wb-bar-no { fill:var(--no); } .wb-bar-yes { fill:var(--yes); }
.wb-page .wb-causes tbody th { width:56%; }
.wb-page .wb-causes td:last-child { width:22%; }
.wb-page .wb-groups { max-width:860px; }
.wb-page .wb-incident { flex:1; }
.wb-page .wb-card .wb-empty { padding:2px 0 0; }
.wb-page .wb-card .widget-html-content > h3:not(:first-child) { margin-top:18px; }
.wb-page .wb-served > .widget-hbox:first-child { align-items:flex-start; }
@media (max-width:900px) {
  .wb-page .wb-model { grid-template-columns:92px minmax(0,1fr) 56px 84px 66px 52px; gap:2px 10px; padding:9px 12px; }
  .wb-page .wb-model .wb-spark { width:84px; }
  .wb-page .wb-model:not(.wb-model-head) .wb-why { white-space:normal; display:-webkit-box; -webkit-line-clamp:2;
    -webkit-box-orient:vertical; }
}
@media (max-width:620px) {
  .wb-keys { transform:translateY(-14px); } /* there is no place beside the title */
  .wb-page .wb-model-head { display:none; }
  .wb-page .wb-model { grid-template-columns:74px minmax(0,1fr) auto; gap:2px 8px; }
  .wb-page .wb-model :is(.wb-spark,.wb-count,.wb-failed) { display:none; }
}
"""
