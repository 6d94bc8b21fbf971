"""Grafana's dashboards are of the types that Grafana publishes: the TypeScript compiler reads them, strictly.

Needs Node.js and npm's registry, so that it runs with the benchmarks; what the panels ask is asked of a real
Prometheus in `tests/monitoring/test_prometheus.py`, and the form is checked by hand in `test_dashboards.py`.
"""

import json
import shutil
import subprocess

import pytest

from workbench.monitoring.dashboards import OPTIONS, files

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

PACKAGES = ("@grafana/schema@13.2.3", "typescript@5.9")
PANELS = {"timeseries": "TimeSeries", "stat": "Stat", "table": "Table"}
PLAIN = """type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T; // an enumeration by the texts that JSON has
"""
ASKED = """
import type { AnnotationQuery, Dashboard, DataQuery } from "@grafana/schema";
type Asked = DataQuery & { expr: string; legendFormat?: string };
"""


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    """A folder with the schema's types and the compiler."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("grafana")
    (folder / "package.json").write_text('{"private": true}')
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"{', '.join(PACKAGES)} cannot be had: {done.stderr.strip()[-200:]}")
    return folder


def compiled(folder, source):
    """What the compiler says of a source; empty: it has no fault."""
    (folder / "made.ts").write_text(source)
    flags = ["--strict", "--noEmit", "--skipLibCheck", "--moduleResolution", "bundler", "--module", "esnext"]
    command = [folder / "node_modules/.bin/tsc", *flags, "--target", "es2022", "made.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300).stdout


def typed(content):
    """A dashboard as TypeScript; its marks apart, since their query is Prometheus's own."""
    marks = content["annotations"]["list"]
    rest = json.dumps({name: value for name, value in content.items() if name != "annotations"}, indent=1)
    return (
        f"{ASKED}const marks: AnnotationQuery<Asked>[] = {json.dumps(marks)};\n"
        f"export const made: Dashboard = {{...{{}}, annotations: {{list: marks}}, {rest[1:]};\n"
    )


@pytest.mark.parametrize("name", sorted(files()))
def test_a_dashboard_is_of_the_published_type(compiler, name):
    assert compiled(compiler, typed(json.loads(files()[name]))) == ""


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_the_options_of_a_panel_are_of_the_published_type(compiler, kind):
    name = PANELS[kind]
    module = f"@grafana/schema/dist/esm/raw/composable/{kind}/panelcfg/x/{name}PanelCfg_types.gen"
    source = f'import type {{ Options }} from "{module}";\n{PLAIN}export const made: Partial<Plain<Options>> = '
    assert compiled(compiler, f"{source}{json.dumps(OPTIONS[kind])};\n") == ""


def test_the_compiler_does_find_a_misspelt_key(compiler):
    content = json.loads(files()["workbench-models.json"])
    content["panels"][0]["gridPoss"] = content["panels"][0].pop("gridPos")
    assert "gridPoss" in compiled(compiler, typed(content))
