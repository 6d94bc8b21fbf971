"""A workspace of a Unix group: its members work in it as one, whoever is none is told the way in, in words."""

import os
import runpy
import shutil
import stat
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from workbench.bench import create, open_bench
from workbench.bench.settings import FILE, Settings
from workbench.cli import main
from workbench.errors import EngineError, Misuse

grp = pytest.importorskip("grp", reason="this system has no Unix groups")
pwd = pytest.importorskip("pwd", reason="this system has no Unix users")

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))
GROUP, MEMBER = "users", "daemon"


@pytest.fixture
def place():
    """A folder that everybody may enter: pytest's own are for this user alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    try:
        grp.getgrnam(GROUP), pwd.getpwnam(MEMBER)
    except KeyError as error:
        pytest.skip(f"this machine lacks what the test needs: {error}")
    folder = Path(tempfile.mkdtemp(prefix="shared-"))
    folder.chmod(0o755)
    before = os.umask(0o022)
    own = begun(folder / "own")
    work(own, 1), look(own)  # what is imported late is imported by now: the other user may not see where it lies
    yield folder
    os.umask(before)
    shutil.rmtree(folder)


def as_somebody(do, *groups):
    """What a function says, called in a child as another user in some groups; what it raises, in words."""
    user = pwd.getpwnam(MEMBER)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([grp.getgrnam(name).gr_gid for name in groups])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            said = do()
        except (EngineError, Misuse) as error:
            said = f"{type(error).__name__}: {error} hint: {error.hint}"
        except BaseException as error:  # noqa: BLE001 (a child of pytest must not go on as pytest)
            said = f"not in words: {error!r}"
        os.write(writing, str(said).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


def work(root, number):
    """A run with a version, evidence, an answer, a signed checkpoint and a look at where it comes from."""
    with open_bench(root) as bench:
        TOLD.register(bench, number=number, run_id=f"{number}" * 32)
        TOLD.answer(bench, number, f"p{number}")
        bench.ledger.checkpoint(actor=bench.actor, now=bench.now())
        found, _ = bench.traces.follow("prediction", [f"p{number}"], ["up"])
    return f"done: {len(found.nodes) > 5}"


def look(root):
    done = CliRunner().invoke(main, ["ledger", "verify", "--workspace", str(root)])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return f"{done.exit_code} {done.output}"


def modes(root):
    """Of each thing in a workspace, who else may do what: "rwx" of the group and of strangers."""
    return {str(path.relative_to(root)): stat.filemode(path.stat().st_mode)[4:] for path in root.rglob("*")}


def test_members_of_the_group_work_in_it_one_after_the_other(place):
    root = begun(place / "w", Settings(shared=GROUP))
    assert work(root, 1) == "done: True"
    assert as_somebody(lambda: work(root, 2), GROUP) == "done: True"
    assert work(root, 3) == "done: True"
    assert as_somebody(lambda: look(root), GROUP).startswith("0 ")
    for name, others in modes(root).items():
        assert others[3:] == "---", f"a stranger may {others[3:]} {name}"
        assert others.startswith("rw"), f"the group may only {others[:3]} {name}"
    gid = grp.getgrnam(GROUP).gr_gid
    assert {path.stat().st_gid for path in root.rglob("*")} == {gid}


def test_a_stranger_is_told_the_way_in(place):
    root = begun(place / "w", Settings(shared=GROUP))
    said = as_somebody(lambda: look(root))
    assert said.startswith("4 Error: ")
    assert 'it belongs to root: to share a workspace its owner sets shared = "GROUP"' in said


def test_a_second_user_of_a_workspace_that_is_not_shared_is_told_so(place):
    root = begun(place / "w")
    work(root, 1)
    said = as_somebody(lambda: look(root))
    assert said.startswith("4 Error: the ledger")
    assert 'sets shared = "GROUP" in workbench.toml' in said
    for path in (root, *root.glob("ledger.db*")):
        path.chmod(0o777)
    said = as_somebody(lambda: open_bench(root).log)
    assert said.startswith("EngineError: the prediction log")
    assert "move" not in said, "it is not for a stranger to move aside"
    assert 'sets shared = "GROUP"' in said


def test_a_workspace_is_shared_later_and_keeps_its_secrets(place):
    root = begun(place / "w")
    work(root, 1)
    (root / ".run").mkdir(mode=0o700)
    (root / "proxy.secret").touch(0o600)
    (place / "outside").touch(0o600)
    (root / "link").symlink_to(place / "outside")
    assert modes(root)["predictions.db"] == "------"
    settings = root / FILE
    settings.write_text(settings.read_text().replace('shared = "none"', f'shared = "{GROUP}"'))
    assert create(root) is False
    assert modes(root)["predictions.db"] == "rw----"
    assert modes(root)["keys"] == "rws---"
    assert modes(root)[".run"] == modes(root)["proxy.secret"] == "------"
    assert stat.S_IMODE((place / "outside").stat().st_mode) == 0o600
    assert as_somebody(lambda: work(root, 2), GROUP) == "done: True"


def test_a_projects_folder_that_all_may_read_shares_nothing(place):
    project = place / "project"
    project.mkdir()
    project.chmod(0o2775)
    root = begun(project / "w")
    work(root, 1)
    assert modes(root)["predictions.db"] == modes(root)["keys/ledger.key"] == "------"
    assert modes(root)["keys"] == "--S---", "the bit is inherited, and lets nobody in"


def test_a_group_that_does_not_exist_is_named(place):
    with pytest.raises(Misuse, match="no Unix group 'nobody-of-us'"):
        create(place / "w", Settings(shared="nobody-of-us"))


def begun(root, settings=None):
    create(root, settings)
    with open_bench(root) as bench:
        bench.ledger.checkpoint(actor=bench.actor, now=bench.now())
    return root
