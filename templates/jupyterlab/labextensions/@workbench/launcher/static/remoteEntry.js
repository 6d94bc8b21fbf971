// Workbench in JupyterLab's launcher and command palette: a card a template, the run form, links to the pages.
//
// Written by hand, so that nothing has to be built: JupyterLab loads this file, calls `init` with the modules
// that it shares, and asks `get` for the plugin. What a template is and what a new notebook holds is decided by
// the server (`workbench/bench/lab.py`); here are only cards, a dialog and the way to the server.

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB["@workbench/launcher"] = (() => {
  const CATEGORY = "Workbench";
  const ADDRESS = "workbench/launcher";
  const FORM = "import workbench\n\nworkbench.form";
  let scope = {};

  // JupyterLab's own copy of a module that it shares
  async function shared(name) {
    const versions = Object.values(scope[name] || {});
    const own = versions.find((one) => String(one.from).startsWith("@jupyterlab/application")) || versions[0];
    if (!own) throw new Error(`JupyterLab shares no module ${name}`);
    return (await own.get())();
  }

  async function extension() {
    const [{ ILauncher }, palettes, notebooks, services, { URLExt }, { LabIcon }, { Widget }] = await Promise.all(
      [
        "@jupyterlab/launcher",
        "@jupyterlab/apputils",
        "@jupyterlab/notebook",
        "@jupyterlab/services",
        "@jupyterlab/coreutils",
        "@jupyterlab/ui-components",
        "@lumino/widgets",
      ].map(shared),
    );
    const { Dialog, ICommandPalette, InputDialog, showDialog, showErrorMessage } = palettes;
    const { INotebookTracker, NotebookActions } = notebooks;
    const { ServerConnection } = services;

    const drawn = (path) =>
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="${path}" fill="none" stroke-width="1.8"
        stroke="var(--jp-inverse-layout-color3)" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
    const icon = (name, path) => new LabIcon({ name: `workbench:${name}`, svgstr: drawn(path) });
    const page = "M6 3h8l4 4v14H6z M14 3v4h4";
    const icons = {
      audit: icon("audit", "M12 4v16 M8 20h8 M5 7h14 M5 7l-2.5 6h5z M19 7l-2.5 6h5z"),
      experiment: icon("experiment", "M3 20h18 M6 20V10h4v10 M14 20V5h4v15"),
      model: icon("model", "M3 4h4v4H3z M3 16h4v4H3z M17 10h4v4h-4z M7 6l10 6 M7 18l10-6"),
      template: icon("template", `${page} M12 11v6 M9 14h6`),
      form: icon("form", "M4 5h16 M4 12h16 M4 19h16 M9 3v4 M15 10v4 M7 17v4"),
      page: icon("page", "M4 20V4 M4 20h16 M8 16v-4 M12 16V8 M16 16v-6"),
    };

    // The server's answer; an error carries the server's own words.
    async function ask(settings, body) {
      const request = body ? { method: "POST", body: JSON.stringify(body) } : {};
      const url = URLExt.join(settings.baseUrl, ADDRESS);
      const answer = await ServerConnection.makeRequest(url, request, settings);
      const content = await answer.json().catch(() => ({}));
      if (!answer.ok) {
        const said = content.message || `the server answered ${answer.status} ${answer.statusText}`;
        throw new Error(content.hint ? `${said} (${content.hint})` : said);
      }
      return content;
    }

    // The body of the dialog; `getValue` is what JupyterLab's dialog asks for.
    class Questions extends Widget {
      constructor(template, answers, problem) {
        super();
        this.addClass("workbench-questions");
        Object.assign(this.node.style, { display: "grid", gap: "4px", width: "440px" });
        this.add("p", { textContent: template.question });
        if (problem) {
          this.add("p", { textContent: problem, role: "alert" }).style.color = "var(--jp-error-color1)";
        }
        this.fields = {
          hypothesis: this.ask("What do you expect, and why?", "textarea", { rows: 3, value: answers.hypothesis }),
          owner: this.ask("Who answers for it?", "input", { value: answers.owner }),
          date: this.ask("Since when?", "input", { type: "date", value: answers.date }),
          name: this.ask("Name of the notebook", "input", { placeholder: "from the hypothesis", value: answers.name }),
        };
      }

      add(tag, properties, parent = this.node) {
        return parent.appendChild(Object.assign(document.createElement(tag), properties));
      }

      ask(question, tag, properties) {
        const label = this.add("label", { textContent: question });
        const field = this.add(tag, { className: "jp-mod-styled", ...properties }, label);
        Object.assign(field.style, { display: "block", width: "100%", boxSizing: "border-box" });
        return field;
      }

      getValue() {
        return Object.fromEntries(Object.entries(this.fields).map(([name, field]) => [name, field.value]));
      }
    }

    // The warm kernel where there is one.
    function kernelName(app) {
      const { specs } = app.serviceManager.kernelspecs;
      return specs.kernelspecs.workbench ? "workbench" : specs.default;
    }

    // Asks until the server took the answers or the person gave up.
    async function begin(app, template, first) {
      let answers = { hypothesis: "", name: "", ...first };
      let problem = "";
      for (;;) {
        const { button, value } = await showDialog({
          title: `New ${template.name}`,
          body: new Questions(template, answers, problem),
          buttons: [Dialog.cancelButton(), Dialog.okButton({ label: "Create" })],
          focusNodeSelector: "textarea",
        });
        if (!button.accept) return undefined;
        answers = value;
        try {
          const made = await ask(app.serviceManager.serverSettings, { template: template.name, ...answers });
          const kernel = { name: kernelName(app) };
          return await app.commands.execute("docmanager:open", { path: made.path, factory: "Notebook", kernel });
        } catch (error) {
          problem = error.message;
        }
      }
    }

    async function run(panel, at) {
      await panel.context.save(); // the form reads the notebook as it is saved
      await panel.sessionContext.ready;
      panel.content.activeCellIndex = at;
      await NotebookActions.run(panel.content, panel.sessionContext);
      return panel;
    }

    // The form of the notebook that is looked at, below its parameters; else of a chosen one, in a scratch notebook.
    async function openForm(app, tracker, names) {
      const looked = tracker && app.shell.currentWidget === tracker.currentWidget ? tracker.currentWidget : null;
      const model = looked && looked.content.model.sharedModel;
      const isParameters = (cell) => (cell.getMetadata("tags") || []).includes("parameters");
      const below = model ? model.cells.findIndex(isParameters) + 1 : 0;
      if (below > 0) {
        const there = model.cells.findIndex((cell) => cell.getSource().includes("workbench.form("));
        if (there < 0) model.insertCell(below, { cell_type: "code", metadata: {}, source: `${FORM}()` });
        return run(looked, there < 0 ? below : there);
      }
      const title = "Which notebook is to be run?";
      const { button, value } = await InputDialog.getItem({ title, items: names, okLabel: "Open its form" });
      if (!button.accept || !value) return undefined;
      const panel = await app.commands.execute("notebook:create-new", { kernelName: kernelName(app) });
      await panel.context.ready;
      panel.content.model.sharedModel.cells[0].setSource(`${FORM}(${JSON.stringify(value)})`);
      return run(panel, 0);
    }

    async function activate(app, launcher, palette, tracker) {
      const settings = app.serviceManager.serverSettings;
      const offered = await ask(settings);
      let rank = 0;
      const add = (name, label, caption, icon, execute) => {
        const command = `workbench:${name}`;
        app.commands.addCommand(command, {
          label: (args) => (args.isPalette ? `Workbench: ${label}` : label),
          caption,
          icon,
          execute: () => execute().catch((error) => showErrorMessage(label, error)),
        });
        launcher?.add({ command, category: CATEGORY, rank: rank++ });
        palette?.addItem({ command, category: CATEGORY, args: { isPalette: true } });
      };
      const title = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
      for (const template of offered.templates) {
        const execute = async () => {
          const { owner, date } = await ask(settings);
          return begin(app, template, { owner, date });
        };
        const icon = icons[template.name] || icons.template;
        add(`new-${template.name}`, `New ${title(template.name)}`, template.question, icon, execute);
      }
      add("form", "Run Form", "Fill in a notebook's parameters and run it", icons.form, async () =>
        openForm(app, tracker, (await ask(settings)).notebooks),
      );
      for (const { name, url } of offered.links) {
        const execute = async () => void window.open(url, "_blank", "noopener");
        add(`page-${name}`, title(name), `Open ${title(name)} in a new tab`, icons.page, execute);
      }
    }

    return {
      id: "@workbench/launcher:plugin",
      description: "New experiments from templates, the run form and links to the pages.",
      autoStart: true,
      optional: [ILauncher, ICommandPalette, INotebookTracker],
      activate: (app, ...found) =>
        void activate(app, ...found).catch((error) => console.warn(`Workbench's cards are not shown: ${error.message}`)),
    };
  }

  return {
    init: (modules) => {
      scope = modules;
    },
    get: async (module) => {
      if (module !== "./extension") throw new Error(`@workbench/launcher has no module ${module}`);
      const plugin = await extension();
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
