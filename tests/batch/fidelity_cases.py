# ruff: noqa: E501, ISC004  # cells are written as they are read in a notebook
"""Cells whose executed outputs must be the same in every lane: a notebook a topic, a list of cells a case.

A cell that opens with `#raises` is tagged so that a notebook goes on after its error.
"""

PLAIN = {
    "results are shown, and remembered": ["1 + 1", "_", "_ + __", "None", "[1, 2];", "'text'", "sorted(Out), In[:2]"],
    "empty cells and comments are counted as they should be": ["", "   ", "# no more than a comment", "1"],
    "standard output and error keep their order": [
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c', end='')\nsys.stdout.write('d\\n')",
        "print('no line', end='', flush=True)\nsys.stderr.write('at once')\nprint()\n'result'",
    ],
    "what a standard stream is": [
        "sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.errors, sys.stdout.name, sys.stdout.closed, "
        "sys.stdout.writable(), sys.stdout.readable(), sys.stdout.seekable(), hasattr(sys.stdout, 'buffer'), "
        "sys.stdout.fileno() > 2, sys.stderr.fileno() > 2",
        "type(sys.stdout).__name__, isinstance(sys.stdout, __import__('ipykernel.iostream').iostream.OutStream)",
        "sys.__stdout__.fileno(), sys.__stderr__.fileno(), sys.stdin.read()",
        "#raises\nsys.stdout.write(b'bytes')",
        "#raises\nprint('x', file=sys.stdout.buffer)",
        "sys.stdout.writelines(['a', 'b\\n'])",
    ],
    "a carriage return is kept": ["for n in range(3):\n    print(f'\\r{n}', end='')"],
    "displays come in their order": [
        "display(1, 'two')\nprint('between')\ndisplay({'three': 3})\nfor n in range(3):\n    display(n)\n'end'",
    ],
    "a display is updated in its place": [
        "h = display('first', display_id=True)\nprint('said')\nh.update('second')",
        "display('x', display_id='known')\ndisplay('y', display_id='known')",
        "h.update('third')\nfrom IPython.display import update_display\nupdate_display('z', display_id='known')",
        "h",
    ],
    "output is cleared": [
        "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')",
        "for n in range(3):\n    clear_output(wait=True)\n    print(n)\n    display(n)",
        "print('stays too')\nclear_output(wait=True)",
    ],
    "errors have the same traceback": [
        "#raises\n1 / 0",
        "#raises\ndef f(n):\n    return 1 / n\n\nf(0)",
        "#raises\ntry:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('chained') from error",
        "#raises\ntry:\n    {}['a']\nexcept KeyError:\n    raise ValueError('while handling')",
        "#raises\nraise ExceptionGroup('two', [ValueError('a'), TypeError('b')])",
        "#raises\ndef down(n):\n    return down(n - 1) if n else 1 / n\n\ndown(40)",
        "#raises\nraise KeyboardInterrupt",
        "#raises\nraise ValueError('größe\\nin two lines')",
        "#raises\neval('1 +')",
        "#raises\nassert 1 == 2, 'not equal'",
        "#raises\nundefined_name",
    ],
    "errors of syntax have the same traceback": [
        "#raises\nif True\n    pass",
        "#raises\n  x = 1\n y = 2",
        "#raises\nprint('open",
        "#raises\nreturn 1",
        "#raises\n?? nothing like this",
    ],
    "errors in a module of the workspace show its lines": [
        "from pathlib import Path\nPath('helper.py').write_text('def broken(n):\\n    return 10 // n\\n')",
        "#raises\nimport helper\nhelper.broken(0)",
        "Path('worse.py').write_text('x = = 1')",
        "#raises\nimport worse",
        "#raises\nimport no_such_module",
    ],
    "a broken representation is told": [
        "class Bad:\n    def __repr__(self):\n        raise ValueError('no repr')\n\n    def _repr_html_(self):\n"
        "        raise ValueError('no html')",
        "#raises\nBad()",
        "#raises\ndisplay(Bad())",
        "'after'",
    ],
    "warnings are shown or not as in a new process": [
        "import warnings\nwarnings.warn('mind this')",
        "warnings.warn('old', DeprecationWarning)\nwarnings.warn('future', FutureWarning)",
        "warnings.warn('mind this')\nwarnings.warn('mind this')",
        "for found in warnings.filters:\n    print(found)",
        "import importlib\nPath('warns.py').write_text('import warnings\\nwarnings.warn(\"from a module\")\\n')\n"
        "importlib.invalidate_caches()\nimport warns",
        "compile(\"'\\\\d'\", 'f', 'eval')",
    ],
    "logging goes to standard error": [
        "import logging\nlogging.getLogger('a').warning('by default')",
        "print(logging.getLogger().handlers, logging.getLogger().level, logging.lastResort)",
        "logging.basicConfig(level=logging.INFO)\nlogging.getLogger('b').info('with a format')\nprint('after')",
        "logging.getLogger().handlers.clear()",
    ],
    "nobody is asked": ["#raises\ninput('name?')", "#raises\nimport getpass\ngetpass.getpass()"],
    "the shell is an ipykernel's": [
        "get_ipython().__class__, get_ipython().kernel.__class__.__name__",
        "ours = dict(get_ipython().config)\nours.pop('IPKernelApp', None), ours.pop('HistoryManager', None)\nours",
        "'IPKernelApp' in get_ipython().config",
        "[name.rpartition('/')[2] for name in sys.argv[:1]], len(sys.argv), sys.argv[1]",
        "sys.path",
        "__name__, '__file__' in globals(), __builtin__, __doc__",
        "sorted(name for name in globals() if not name.startswith('_i'))",
        "get_ipython().ast_node_interactivity, get_ipython().colors, get_ipython().user_module",
        "sys.displayhook.__class__, sys.excepthook, sys.getrecursionlimit(), sys.flags, sys.exec_prefix",
        "get_ipython().display_pub.__class__, get_ipython().parent_header['header']['msg_type']",
        "import threading, signal\nthreading.current_thread() is threading.main_thread(), "
        "signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGHUP)",
        "signal.getsignal(signal.SIGINT)",
        "import locale, os\nlocale.getlocale(), sys.getfilesystemencoding(), os.getcwd()",
        "sorted((k, v) for k, v in os.environ.items() if k != 'JPY_PARENT_PID')  # of whom a forked kernel asks the zygote",
        "os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()",
        "get_ipython().extension_manager.loaded",
        "sorted(name for name, _ in get_ipython().ns_table.items())",
        "get_ipython().execution_count",
    ],
}

RICH = {
    "rich types are kept": [
        "from IPython.display import *\ndisplay(HTML('<b>a</b>'), Latex('$x$'), Markdown('*m*'), JSON({'a': [1]}))",
        'SVG(\'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>\')',
        "Javascript('1')",
        "import base64\nImage(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAA"
        "AABJRU5ErkJggg=='), width=3)",
        "display({'text/plain': 'p', 'application/own+json': {'a': 1}}, raw=True, metadata={'application/own+json': {'b': 2}})",
        "Math('x^2'), Code('a = 1')",
        "Code('a = 1')",
    ],
    "an object's own bundle is asked for": [
        "class Own:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'own', 'text/html': '<i>own</i>', 'application/y+json': {'n': 1}}, {'text/html': {'k': 1}}",
        "Own()",
        "display(Own())\ndisplay(Own(), include=['text/plain'])",
        "class Shown:\n    def _ipython_display_(self):\n        print('shown by itself')\n\nShown()",
    ],
    "figures are drawn inline": [
        "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])",
        "fig, ax = plt.subplots(figsize=(2, 1))\nax.plot([1, 2])\nplt.show()\nprint('after')",
        "for n in range(2):\n    plt.figure(figsize=(1, 1))\n    plt.title(n)",
        "fig",
        "display(fig)\nplt.close('all')",
        "import matplotlib\nmatplotlib.get_backend(), plt.isinteractive(), plt.rcParams['figure.dpi']",
        "sorted((k, v) for k, v in plt.rcParams.items() if v != matplotlib.rcParamsDefault[k])",
        "#raises\nplt.figure(figsize=(1, 1))\n1 / 0",
        "print('the figure of the failed cell')",
    ],
    "figures are drawn in the formats that are asked for": [
        "%config InlineBackend.figure_formats = ['svg']\nplt.rcParams['svg.hashsalt'] = 'a'\nplt.figure(figsize=(1, 1));",
        "%config InlineBackend.figure_format = 'retina'\nplt.figure(figsize=(1, 1));",
        "%config InlineBackend.figure_formats = ['png', 'jpeg']\nplt.figure(figsize=(1, 1));",
        "%matplotlib inline\nplt.rcParams['figure.dpi'] = 50\nplt.figure(figsize=(1, 1));",
        "%config InlineBackend.print_figure_kwargs = {'bbox_inches': None}\nplt.figure(figsize=(1, 1));",
        "%config InlineBackend.close_figures = False\nplt.figure(figsize=(1, 1));",
        "plt.get_fignums()",
        "from matplotlib_inline.backend_inline import set_matplotlib_formats",
    ],
    "frames are tables": [
        "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})",
        "pd.options.display.max_rows, pd.options.display.width, pd.Series([1.5, None])",
        "pd.DataFrame({'a': range(100)})",
        "pd.DataFrame({'a': [1]}).style.set_uuid('u').highlight_max()",
    ],
    "plotly's figures are data": [
        "import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a'], y=[1]))",
        "go.Figure(go.Bar(x=['b'], y=[2])).show()",
        "import plotly.io as pio\npio.renderers",
    ],
}

MAGICS = {
    "time is told in the same shape": ["%time 1 + 1", "%%time\nx = 2\nx", "%timeit -n1 -r1 pass"],
    "the shell's commands": [
        "!echo said",
        "listed = !printf 'a\\nb'\nlisted",
        "%%bash\necho out\necho err >&2",
        "#raises\n%%bash\nexit 3",
        "!echo $((1 + 1)) {1 + 1}; exit 5",
        "_exit_code",
        "%sx echo x",
        "%%script cat\nfed",
        "%system echo y",
        "!tty; [ -t 1 ] && echo a terminal",
        "%ls no-such-file",
    ],
    "output is captured": [
        "%%capture caught\nprint('hidden')\ndisplay(1)\n2",
        "caught.stdout, caught.outputs",
        "caught.show()",
        "from IPython.utils.capture import capture_output\nwith capture_output() as inner:\n    print('in')\ninner.stdout",
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as text:\n    print('in')\ntext.getvalue()",
    ],
    "environment, folders and extensions": [
        "%env OWN=1",
        "%env OWN",
        "import os\nos.makedirs('sub', exist_ok=True)\n%cd sub",
        "%pwd",
        "%cd ..",
        "%cd -q sub\nos.getcwd()",
        "%cd -q ..",
        "%dhist",
        "%load_ext autoreload\n%autoreload 2",
        "%reload_ext autoreload",
        "#raises\n%load_ext no_such_extension",
        "#raises\n%no_such_magic",
    ],
    "names and history": [
        "a, b = 1, 'two'",
        "%who",
        "%whos",
        "%who_ls",
        "%history -n 1-3",
        "%macro again 1-2",
        "%rerun 1",
        "%recall 1",
        "%precision 3\n1 / 3",
        "%precision\n1 / 3",
        "%xdel b",
        "a?",
        "%pinfo a",
        "print??",
        "%pdoc print",
        "%psource os.getcwd",
    ],
    "cells in other languages and files": [
        "%%writefile said.py\nprint('from a file', __name__)",
        "%run said.py",
        "%%html\n<b>a</b>",
        "%%latex\n$x$",
        "%%javascript\n1",
        "%%markdown\n*a*",
        "%%svg\n<svg/>",
        "%%python\nprint('another python')",
        "%load said.py",
        "%pycat said.py",
        "%lsmagic",
        "%alias_magic t timeit",
        "%config",
        "%%prun -q\nprint(1)",
    ],
    "modes of tracebacks": [
        "#raises\n%xmode Verbose\n1 / 0",
        "#raises\n%xmode Plain\n1 / 0",
        "#raises\n%xmode Minimal\n1 / 0",
        "#raises\n%xmode Context\n1 / 0",
        "#raises\n%colors NoColor\n1 / 0",
        "#raises\n%tb",
        "#raises\n%debug",
        "%pdb",
        "%reset -f\n'a' in globals()",
        "#raises\nimport pdb; pdb.set_trace()",
        "#raises\nbreakpoint()",
    ],
}

CONCURRENT = {
    "a cell may wait": [
        "import asyncio\nawait asyncio.sleep(0.01)\nprint('waited')\n'result'",
        "async def numbers():\n    for n in range(2):\n        yield n\n\n[n async for n in numbers()]",
        "#raises\nasyncio.run(None)",
        "type(asyncio.get_running_loop()).__name__, asyncio.get_event_loop() is asyncio.get_running_loop()",
        "#raises\nasync def fails():\n    raise ValueError('later')\n\nawait fails()",
    ],
    "a task goes on between cells": [
        "async def talk():\n    for n in range(3):\n        await asyncio.sleep(0.05)\n        said.append(n)\n\nsaid = []\n"
        "task = asyncio.create_task(talk())",
        "await task\nsaid",
        "async def tell():\n    print('from a task')\n    await asyncio.sleep(0.02)\n    print('and later')\n\n"
        "telling = asyncio.create_task(tell())\nprint('first')",
        "await telling\nawait asyncio.sleep(0.1)\nprint('next cell')",
        "late = asyncio.get_running_loop().call_later(0.01, print, 'called later')",
        "await asyncio.sleep(0.1)",
        "async def breaks():\n    raise ValueError('nobody waits')\n\nlost = asyncio.create_task(breaks())",
        "await asyncio.sleep(0.05)\ndel lost\nimport gc\ngc.collect() >= 0",
    ],
    "threads print": [
        "import threading, time\n\ndef say(text, wait=0):\n    time.sleep(wait)\n    print(text)\n\n"
        "first = threading.Thread(target=say, args=('from a thread',))\nfirst.start()\nfirst.join()\nprint('from the cell')",
        "second = threading.Thread(target=say, args=('from a thread of an earlier cell', 0.3))\nsecond.start()",
        "second.join()\nprint('the next cell')",
        "broken = threading.Thread(target=lambda: 1 / 0, name='broken')\nbroken.start()\nbroken.join()",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n"
        "    print(sorted(pool.map(lambda n: n * n, range(4))))",
        "shown = threading.Thread(target=lambda: display('from a thread'))\nshown.start()\nshown.join()",
    ],
    "what is written past Python is told": [
        # ipykernel reads a file by a thread of its own, which a busy machine lets wait until the cell is over
        "import os, time\nos.write(1, b'to file 1\\n'); time.sleep(0.2)",
        "os.write(2, b'to file 2\\n'); time.sleep(0.2)",
        "os.system('echo from a command'); time.sleep(0.2)",
        "import subprocess\nsubprocess.run(['echo', 'from a process']); time.sleep(0.2)",
        "subprocess.run('echo out; echo err >&2', shell=True, capture_output=True)",
        "print('before')\nsys = __import__('sys')\nsys.stdout.flush()\nos.write(1, b'within\\n')\n"
        "import time\ntime.sleep(0.2)\nprint('after')",
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.puts(b'from C')\nlibc.fflush(None);",
        "sys.__stdout__.write('to the original\\n')\nsys.__stdout__.flush()",
    ],
    "processes print": [
        "import multiprocessing as mp\n\ndef child(n):\n    print('from child', n, flush=True)\n    return n * n\n\n"
        "with mp.get_context('fork').Pool(1) as pool:\n    found = pool.map(child, [1, 2])\n"
        "import time\ntime.sleep(0.3)\nprint(found)",  # a child's words come by a pipe of their own, on a busy machine late
        "pid = os.fork()\nif pid == 0:\n    print('from a fork')\n    sys.stdout.flush()\n    os._exit(0)\n"
        "os.waitpid(pid, 0)[1]",
        "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(1, mp.get_context('fork')) as pool:\n"
        "    print(list(pool.map(abs, [-1, -2])))",
        "mp.get_start_method(), mp.current_process().name",
        "with mp.get_context('spawn').Pool(1) as pool:\n    print(pool.map(abs, [-3]))",
    ],
    "progress is told": [
        "from tqdm import tqdm\nfor _ in tqdm(range(3)):\n    pass",
        "from tqdm.auto import tqdm as auto\nauto.__module__",
        "import rich\nrich.print('[bold]rich[/bold]', {'a': 1})",
        "from rich.table import Table\ntable = Table('a')\ntable.add_row('1')\ntable",
        "from rich.console import Console\nconsole = Console()\nconsole.is_jupyter, console.is_terminal, console.width",
        "console.print('[red]said[/red]')",
    ],
}

WIDGETS = {
    "widgets leave their state": [
        "import ipywidgets as w\nfrom IPython.display import display\nslider = w.IntSlider(value=3, description='n')\nslider",
        "slider.value = 5",
        "w.HBox([w.Label('a'), w.Button(description='go')])",
        "display(w.HTML('<b>x</b>'))",
    ],
    "an output widget catches": [
        "out = w.Output()\nout",
        "with out:\n    print('caught')\n    display(1)",
        "with out:\n    print('more')\n    import sys\n    print('error', file=sys.stderr)",
        "@out.capture()\ndef inside():\n    print('inside')\n\ninside()",
        "out.outputs",
        "#raises\nwith out:\n    1 / 0",
        "print('not caught')",
        "out.clear_output()",
        "out.append_stdout('appended')",
        "import threading\nother = w.Output()\nother",
    ],
    "interact shows and computes": [
        "def twice(n):\n    print('called')\n    return 2 * n\n\n_ = w.interact(twice, n=(0, 4))",
        "w.interactive(twice, n=(0, 4)).children[0]",
    ],
    "progress bars are widgets": [
        "from tqdm.notebook import tqdm\nfor _ in tqdm(range(3), desc='steps'):\n    pass",
        "seen = []\nslider.observe(lambda change: seen.append(change['new']), 'value')\nslider.value = 9\nseen",
    ],
    "comms open and are known": [
        "from comm import create_comm, get_comm_manager\ntype(get_comm_manager()).__module__",
        "comm = create_comm(target_name='nobody')\ntype(comm).__module__",
        "comm.send({'a': 1})\ncomm.close()",
    ],
    "a figure widget": ["import plotly.graph_objects as go\ngo.FigureWidget(go.Bar(x=['a'], y=[1]))"],
}

NOTEBOOKS = {"plain": PLAIN, "rich": RICH, "magics": MAGICS, "concurrent": CONCURRENT, "widgets": WIDGETS}
