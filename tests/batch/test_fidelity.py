"""An executed notebook is the same in every lane as in a cold kernel, in all that a reader or a program sees.

Left to chance, and so made equal before they are compared: where nbclient cuts what a stream prints,
addresses and random ids, names of temporary files, and the figures of times.
"""

import importlib.util
import json
import os
import re
import sys
from functools import partial
from pathlib import Path

import pytest

from workbench.batch.inline import inline
from workbench.batch.kernels import cold, warm
from workbench.batch.lanes import Job, Limits

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="warm kernels need Linux")]


def cases():
    spec = importlib.util.spec_from_file_location("fidelity_cases", Path(__file__).parent / "fidelity_cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NOTEBOOKS


NOTEBOOKS = cases()
CASES = [pytest.param(topic, case, id=case) for topic, named in NOTEBOOKS.items() for case in named]
LANES = ("warm", "inline")
CHANCE = (
    (r"0x[0-9a-f]{6,}", "0x…"),
    (r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", "<id>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b", "<id>"),
    (r"ipykernel_\d+/\d+", "ipykernel_<n>/<n>"),
    (r"[\d.e+]+ (ns|us|μs|ms|s)\b", "<time>"),
    (r"[\d.]+it/s", "<speed>"),
    (r"Task-\d+", "Task-<n>"),
)


@pytest.fixture(scope="module")
def executed(tmp_path_factory, write_notebook, zygote):
    """Executes the notebook of a topic in a lane, once; its cells by case, and the notebook."""
    lanes = {"cold": cold, "warm": partial(warm, zygote=zygote), "inline": partial(inline, zygote=zygote)}
    known = {}

    def call(topic, lane):
        if (topic, lane) not in known:
            place = tmp_path_factory.mktemp(topic)
            texts = [text for texts in NOTEBOOKS[topic].values() for text in texts]
            notebook = write_notebook(place / "n.ipynb", *texts)
            ended = lanes[lane](Job(notebook, place, place, dict(os.environ), Limits(cell_seconds=20)))
            known[topic, lane] = ended, settled(notebook.read_text("utf-8"), place)
        return known[topic, lane]

    return call


def settled(text, place):
    """A notebook without what is left to chance."""
    content = json.loads(text)
    for told in content["metadata"].get("widgets", {}).values():
        told["state"] = list(told["state"].values())  # by ids, which are left to chance
    text = json.dumps(content, ensure_ascii=False).replace(str(place), "<place>")
    for found, put in CHANCE:
        text = re.sub(found, put, text)
    content = json.loads(text)
    content["cells"] = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    for cell in content["cells"]:
        cell["outputs"] = joined(cell["outputs"])
    return content


def joined(outputs):
    """Outputs with neighbouring parts of one stream in one piece."""
    kept = []
    for output in outputs:
        if output["output_type"] == "stream":
            text = "".join(output["text"])
            if kept and kept[-1].get("name") == output["name"]:
                kept[-1]["text"] += text
                continue
            output = {**output, "text": text}
        kept.append(output)
    return kept


def of_case(notebook, topic, case):
    """The cells of a case, by their text."""
    begin = 0
    for name, texts in NOTEBOOKS[topic].items():
        if name == case:
            return notebook["cells"][begin : begin + len(texts)]
        begin += len(texts)
    raise KeyError(case)


def shown(cell):
    """What a cell shows, with its text: a difference then tells where it is."""
    return "".join(cell["source"]), cell["execution_count"], cell["outputs"]


def widgets(notebook):
    """The states of all widgets, whatever their ids are."""
    told = notebook["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    return sorted(json.dumps(state, sort_keys=True) for state in told.get("state", []))


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(("topic", "case"), CASES)
def test_cells_show_what_they_show_in_a_cold_kernel(executed, topic, case, lane):
    there, here = executed(topic, "cold")[1], executed(topic, lane)[1]
    for expected, found in zip(of_case(there, topic, case), of_case(here, topic, case), strict=True):
        assert shown(found) == shown(expected)


@pytest.mark.parametrize(("topic", "case"), CASES)
def test_every_cell_runs_and_none_raises_but_where_its_case_says_so(executed, topic, case):
    cells = of_case(executed(topic, "cold")[1], topic, case)
    for text, cell in zip(NOTEBOOKS[topic][case], cells, strict=True):
        raised = any(output["output_type"] == "error" for output in cell["outputs"])
        assert text.startswith("#raises") or not raised, text
        assert cell["metadata"]["papermill"]["status"] != "pending", text


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("topic", NOTEBOOKS)
def test_a_notebook_ends_and_is_marked_as_after_a_cold_kernel(executed, topic, lane):
    (there, expected), (here, found) = executed(topic, "cold"), executed(topic, lane)
    assert here.failure == there.failure
    for key in ("kernelspec", "language_info"):
        assert found["metadata"].get(key) == expected["metadata"].get(key)
    assert set(found["metadata"]["papermill"]) == set(expected["metadata"]["papermill"])
    for before, after in zip(expected["cells"], found["cells"], strict=True):
        marks, others = after["metadata"]["papermill"], before["metadata"]["papermill"]
        assert set(marks) == set(others)
        assert (marks["status"], marks["exception"]) == (others["status"], others["exception"])


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("topic", NOTEBOOKS)
def test_widgets_leave_the_same_states(executed, topic, lane):
    expected, found = widgets(executed(topic, "cold")[1]), widgets(executed(topic, lane)[1])
    assert found == expected
    assert bool(found) == (topic == "widgets")
