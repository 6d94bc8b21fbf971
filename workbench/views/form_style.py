"""The looks of forms and of what a run came to; they go with the style sheet of the pages."""

from __future__ import annotations

FORM_STYLE = """
.wb-page .wb-run { gap:16px; container-type:inline-size; }
.wb-page .wb-fields { gap:0; border:1px solid var(--line); border-radius:12px; background:var(--card); }
.wb-page .wb-field {
  gap:4px 28px; padding:10px 20px; align-items:flex-start; border-bottom:1px solid var(--line);
}
.wb-page .wb-field:last-child { border-bottom:0; }
.wb-page .wb-given { flex:1 1 52%; gap:4px; }
.wb-page .wb-means { flex:1 1 48%; padding-top:7px; }
.wb-page .wb-means .widget-html-content { font-size:14px; line-height:1.4; }
.wb-page .wb-given :is(.widget-text,.widget-dropdown,.widget-datepicker,.widget-toggle-buttons),
.wb-page > .widget-dropdown {
  display:flex; flex-direction:row; align-items:center; gap:14px; width:auto; height:auto; margin:0; min-width:0;
}
.wb-page .wb-given .widget-label, .wb-page > .widget-dropdown > .widget-label {
  flex:0 0 150px; width:150px; max-width:none; text-align:left; height:auto; padding:0; line-height:1.35;
  font:600 14px/1.35 ui-monospace,"SFMono-Regular",Menlo,Consolas,"Liberation Mono",monospace; color:var(--ink);
  white-space:normal; overflow-wrap:anywhere; margin:0;
}
.wb-page > .widget-dropdown { max-width:560px; }
.wb-page > .widget-dropdown > .widget-label { flex-basis:90px; width:90px; font-family:inherit; }
.wb-page .widget-dropdown > select, .wb-page .widget-datepicker input[type="date"] {
  font:inherit; font-size:15px; color:var(--ink); background-color:var(--card); border:1px solid var(--field);
  border-radius:7px; padding:6px 30px 6px 11px; min-height:38px; height:auto; flex:1 1 auto; min-width:0;
  box-sizing:border-box; box-shadow:none;
}
.wb-page .widget-dropdown > select { appearance:auto; background-image:none; padding-right:8px; }
.wb-page .widget-datepicker input[type="date"] { padding-right:11px; flex:0 1 190px; }
.wb-page .wb-given .widget-text input[type="text"] { flex:1 1 auto; min-width:0; }
.wb-page .widget-dropdown > select:focus, .wb-page .widget-datepicker input:focus {
  outline:3px solid var(--focus); outline-offset:1px; border-color:var(--focus);
}
.wb-page .wb-given .widget-checkbox { width:auto; height:auto; margin:0; padding:8px 0 8px 164px; position:relative; }
.wb-page .wb-given .widget-checkbox > .widget-label { display:none; }
.wb-page .wb-given .widget-checkbox label { padding:0; line-height:1.35; }
.wb-page .wb-given .widget-checkbox .widget-label-basic {
  font:600 14px/1.35 ui-monospace,"SFMono-Regular",Menlo,Consolas,"Liberation Mono",monospace; width:auto;
}
.wb-page .wb-given .widget-checkbox .widget-label-basic span {
  position:absolute; left:0; top:8px; width:150px; overflow-wrap:anywhere; white-space:normal;
}
.wb-page .wb-given .widget-checkbox input { width:18px; height:18px; margin:1px 0; }
.wb-page .wb-given .widget-toggle-buttons .jupyter-button, .wb-page .widget-toggle-button {
  font-size:14px; min-height:38px; height:auto; border-radius:7px; margin:0 6px 0 0; padding:6px 13px;
  border:1px solid var(--field); background:var(--card); color:var(--ink); font-weight:500; width:auto;
}
.wb-page .wb-given .widget-toggle-buttons .jupyter-button.mod-active {
  background:var(--ours); border-color:var(--ours); color:var(--on-ours);
}
.wb-page .wb-given .widget-slider {
  width:auto; margin:0; height:22px; padding-left:164px; display:flex; align-items:center;
}
.wb-page .wb-given .widget-slider .slider-container { margin:0 9px; height:4px; flex:1 1 auto; min-width:0; }
.wb-page .wb-given .widget-slider > .widget-label { display:none; }
.wb-page .wb-given .noUi-target { background:var(--track); border:0; border-radius:2px; box-shadow:none; }
.wb-page .wb-given .noUi-handle { background:var(--card); border:1px solid var(--field); box-shadow:none; }
.wb-page .wb-given .noUi-handle:focus { outline:3px solid var(--focus); outline-offset:1px; }
.wb-page .wb-wrong { padding-left:164px; }
.wb-page .wb-wrong .widget-html-content { font-size:14px; }
.wb-page .wb-wrong [role="status"] { color:var(--no); font-weight:600; }
.wb-page .wb-is-wrong :is(input,select) { border-color:var(--no) !important; background:var(--no-soft) !important; }
.wb-page .wb-given :is(input,select):disabled { background:var(--soft); color:var(--quiet); opacity:1; }
.wb-page .wb-running { gap:14px; align-items:center; flex-wrap:wrap; }
.wb-page .wb-running > .widget-html { flex:0 0 auto; min-width:150px; }
.wb-page .wb-running .widget-inline-hbox, .wb-page .wb-running .widget-hprogress {
  flex:1 1 200px; width:auto; margin:0; height:12px;
}
.wb-page .wb-running .progress { border-radius:6px; overflow:hidden; background:var(--trough); }
.wb-page .wb-command pre {
  margin:4px 0 0; padding:8px 12px; background:var(--soft); border:1px solid var(--line); border-radius:7px;
  white-space:pre-wrap; overflow-wrap:anywhere; user-select:all; line-height:1.45;
}
.wb-page .wb-command pre code { border:0; background:none; padding:0; }
.wb-page .wb-command .widget-html-content { font-size:13px; color:var(--quiet); }
.wb-page .wb-came { gap:14px; padding-top:16px; border-top:1px solid var(--line); }
.wb-page .wb-came h3 { margin:18px 0 4px; }
.wb-page .wb-came dl :is(dt,dd) { width:auto; float:none; }
.wb-page table.wb-numbers { max-width:640px; }
.wb-page table.wb-numbers :is(td,thead th + th) { text-align:right; }
.wb-page table.wb-numbers tbody th { font-weight:500; }
[data-jp-theme-light="false"] .wb-page { background:var(--ground); padding:12px 16px 24px; border-radius:8px; }
@container (max-width:720px) {
  .wb-page .wb-field { flex-direction:column; align-items:stretch; }
  .wb-page .wb-means { padding:0 0 0 164px; }
}
@container (max-width:460px) {
  .wb-page .wb-given .widget-label { flex-basis:100px; width:100px; }
  .wb-page .wb-given :is(.widget-slider,.widget-checkbox), .wb-page :is(.wb-wrong,.wb-means) { padding-left:114px; }
}
"""
