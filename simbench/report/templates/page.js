"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // ---- theme ----
  const themes = ["auto", "light", "dark"];
  const stored = () => { try { return localStorage.getItem("simbench-theme"); } catch { return null; } };
  const setTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
    byId("theme").textContent = `Theme: ${theme}`;
    try { localStorage.setItem("simbench-theme", theme); } catch { /* not allowed here */ }
  };
  byId("theme").addEventListener("click", () => {
    const now = themes.indexOf(document.documentElement.dataset.theme);
    setTheme(themes[(now + 1) % themes.length]);
  });
  setTheme(themes.includes(stored()) ? stored() : "auto");

  // ---- scenario, probe and filter ----
  const boards = all(".board");
  const scenario = byId("scenario");
  const show = () => {
    const probe = document.querySelector("input[name=probe]:checked").value;
    for (const board of boards) {
      board.hidden = board.id !== scenario.value;
      const views = all(".view", board);
      const chosen = views.find((view) => view.dataset.probe === probe) ?? views[0];
      for (const view of views) view.hidden = view !== chosen;
    }
    filter();
  };
  const filter = () => {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const families = new Map(all(".card").map((c) => [c.dataset.method, c.dataset.family]));
    const fits = (method) => {
      const text = `${method} ${families.get(method) ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    for (const element of all("[data-method]")) element.toggleAttribute("data-out", !fits(element.dataset.method));
    const lines = all(".board:not([hidden]) .view:not([hidden]) .ranked tr");
    const left = lines.filter((line) => !line.hasAttribute("data-out")).length;
    byId("shown").textContent = `${left} of ${lines.length} methods`;
  };
  scenario.addEventListener("change", () => { location.hash = encodeURIComponent(scenario.value); });
  for (const radio of all("input[name=probe]")) radio.addEventListener("change", show);
  byId("filter").addEventListener("input", filter);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());

  // ---- a method is chosen by the address, #scenario/method: its line and those tied with it ----
  const opening = scenario.value;
  const choose = (method) => {
    for (const table of all("table.leaderboard")) {
      const lines = all("tr[data-method]", table);
      const chosen = lines.find((line) => line.dataset.method === method);
      const letters = new Set(chosen?.querySelector(".ties")?.textContent ?? "");
      for (const line of lines) {
        const shares = [...(line.querySelector(".ties")?.textContent ?? "")].some((letter) => letters.has(letter));
        line.toggleAttribute("data-chosen", line === chosen);
        line.toggleAttribute("data-shares", line !== chosen && shares);
      }
      const tied = lines.filter((line) => line.hasAttribute("data-shares")).map((line) => line.dataset.method).join(", ");
      table.closest(".view").querySelector(".picked").textContent = !chosen ? ""
        : tied ? `${method} can’t be told apart from ${tied}.`
        : letters.size ? `No other method is tied with ${method}.` : `${method} is not ranked.`;
    }
  };
  const fromAddress = () => {
    let address = location.hash.slice(1);
    try { address = decodeURIComponent(address); } catch { /* as it is */ }
    const [key, ...method] = address.split("/");
    if (boards.some((board) => board.id === key)) scenario.value = key;
    else if (!address) scenario.value = opening;
    choose(method.join("/"));
    show();
    document.querySelector(".board:not([hidden]) .view:not([hidden]) [data-chosen]")?.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", fromAddress);

  // ---- definitions: on hover, and on focus by keyboard; Escape hides them ----
  const tip = byId("tip");
  let explained = null;
  const hide = () => { tip.hidden = true; };
  const explain = (element) => {
    explained = element;
    tip.textContent = element.dataset.tip;
    tip.hidden = false;
    const [box, own] = [element.getBoundingClientRect(), tip.getBoundingClientRect()];
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`;
    tip.style.top = `${box.bottom + own.height + 6 < innerHeight ? box.bottom + 6 : box.top - own.height - 6}px`;
  };
  const cards = new Map(all(".card").map((card) => [card.dataset.method, all("p", card).at(-1).textContent]));
  for (const heading of all("[data-card]")) {
    const name = heading.dataset.card;
    const ties = heading.parentElement.querySelector(".ties")?.title;
    heading.title = `${name}: ${cards.get(name)}${ties ? `; ${ties}` : ""}`;
  }
  for (const element of all("table [title]")) {
    element.dataset.tip = element.title;
    element.removeAttribute("title");
  }
  for (const [event, react] of Object.entries({ mouseover: explain, focusin: explain, mouseout: hide, focusout: hide })) {
    addEventListener(event, ({ target }) => {
      const element = target.closest?.("[data-tip]");
      if (element) react(element);
    });
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", () => { if (!tip.hidden) explain(explained); }, true);

  // ---- headings that do nothing else: the Tab key stops once a table, arrow keys lead on from there ----
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  for (const table of all("table")) {
    const stops = [];
    for (const heading of all("th", table)) {
      const control = heading.querySelector("button, a");
      (control ?? heading).setAttribute("aria-describedby", "tip");
      if (!control) heading.tabIndex = stops.push(heading) > 1 ? -1 : 0;
    }
    table.addEventListener("keydown", (event) => {
      const shown = stops.filter((heading) => heading.getClientRects().length);
      const now = shown.indexOf(event.target);
      const next = now >= 0 && shown[now + steps[event.key]];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  }

  // ---- sorting: missing values last, whatever the direction ----
  const sort = (table, column, header) => {
    const isText = header.classList.contains("text");
    const label = header.textContent;
    const falls = !isText && ["recovery", "leak", "coverage"].includes(label);
    const now = header.getAttribute("aria-sort");
    const direction = now ? (now === "ascending" ? "descending" : "ascending") : falls ? "descending" : "ascending";
    for (const other of all("thead [aria-sort]", table)) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const value = (line) => {
      const cell = line.children[column];
      if (!cell) return "";
      return cell.tagName === "TH" ? line.dataset.method : cell.dataset.v ?? "";
    };
    for (const body of all("tbody", table)) {
      const lines = all("tr[data-method]", body);
      lines.sort((one, two) => {
        const [a, b] = [value(one), value(two)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return sign * (isText ? a.localeCompare(b) : a - b);
      });
      body.append(...lines);
    }
  };
  for (const table of all("table.leaderboard")) {
    all("thead tr:last-child th", table).forEach((header, column) => {
      header.querySelector("button").addEventListener("click", () => sort(table, column, header));
    });
    table.querySelector("thead tr:last-child th").setAttribute("aria-sort", "ascending");
  }

  // ---- download ----
  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  byId("download")?.addEventListener("click", async () => {
    const bytes = Uint8Array.from(atob(byId("rows").textContent), (c) => c.charCodeAt(0));
    const packed = new Blob([bytes], { type: "application/gzip" });
    if (!("DecompressionStream" in window)) return save(packed, "rows.jsonl.gz");
    const plain = packed.stream().pipeThrough(new DecompressionStream("gzip"));
    save(await new Response(plain).blob(), "rows.jsonl");
  });

  for (const id of ["theme", "controls", "download"]) byId(id)?.toggleAttribute("hidden", false);
  fromAddress();
})();
