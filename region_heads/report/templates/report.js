// The gallery. All text from data is set with textContent, never as markup.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const cards = document.getElementById("cards");
  const more = document.getElementById("more");
  const count = document.getElementById("count");
  const filters = document.getElementById("filters");
  const dialog = document.getElementById("close-up");
  const PAGE = 24;
  const SVG = "http://www.w3.org/2000/svg";
  let shown = [];
  let drawn = 0;
  let enlarged = null;

  const make = (name, attributes = {}, ...children) => {
    const node = name.startsWith("svg:")
      ? document.createElementNS(SVG, name.slice(4))
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  // One blob per picture: the same picture in many cards is decoded and held once.
  const pictures = data.images.map(() => null);
  const picture = (number) => {
    if (!pictures[number]) {
      const [head, body] = data.images[number].src.split(",");
      const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
      pictures[number] = URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
    }
    return pictures[number];
  };

  const role = (question, region) =>
    question.answer_weights[region] >= 50 ? "answer" : question.anchor_weights[region] >= 50 ? "anchor" : "other";

  const scene = (question, tagSize) => {
    const image = data.images[question.image];
    const svg = make("svg:svg", {
      class: "scene",
      viewBox: `0 0 ${image.w} ${image.h}`,
      role: "img",
      "aria-label": `picture with ${question.masks.length} marked regions`,
    });
    svg.append(make("svg:image", { href: picture(question.image), width: image.w, height: image.h }));
    // Regions that were used come last, so that they lie on top.
    const order = question.masks
      .map((_, region) => region)
      .sort((a, b) => (role(question, a) !== "other") - (role(question, b) !== "other"));
    const tags = [];
    for (const region of order) {
      const [path, x, y] = image.masks[question.masks[region]];
      const kind = role(question, region);
      svg.append(make("svg:path", { d: path, class: `region ${kind}`, "fill-rule": "evenodd", "data-region": region }));
      const radius = image.w * tagSize;
      const tag = make("svg:g", { class: `tag ${kind}`, transform: `translate(${x} ${y}) scale(${radius / 11})` });
      const text = make("svg:text", { y: 5 });
      text.textContent = region;
      tag.append(make("svg:circle", { r: 11 }), text);
      tags.push(tag);
    }
    svg.append(...tags);
    return svg;
  };

  const light = (holder, region) => {
    holder.classList.toggle("hot", region !== null);
    for (const path of holder.querySelectorAll(".region")) {
      path.classList.toggle("lit", region !== null && path.dataset.region === String(region));
    }
  };

  const wording = (question) => {
    const line = make("p", { class: "q" });
    question.text.split("<mask>").forEach((part, region) => {
      if (region) {
        const chip = make("span", { class: `chip ${role(question, region - 1)}` });
        chip.textContent = region - 1;
        chip.addEventListener("mouseenter", () => light(line.closest("[data-holder]"), region - 1));
        chip.addEventListener("mouseleave", () => light(line.closest("[data-holder]"), null));
        line.append(chip);
      }
      line.append(part);
    });
    return line;
  };

  const say = (value) => (value === null ? "unknown" : value);

  const verdict = (question) => {
    const list = make("dl", { class: "verdict" });
    const entry = (name, value, kind = "") => {
      const term = make("dt");
      const detail = make("dd", { class: kind });
      term.textContent = name;
      detail.append(value);
      list.append(term, detail);
    };
    const sure = make("span");
    const bar = make("i");
    const meter = make("span", { class: "meter" }, bar);
    bar.style.width = `${question.sure}%`;
    sure.append(meter, `${question.sure} %`);
    entry("head", question.task.replaceAll("_", " "));
    entry("answer", say(question.answer), "given");
    entry("truth", say(question.truth));
    entry("sure", sure);
    return list;
  };

  const state = (question) => (question.correct === null ? "open" : question.correct ? "right" : "wrong");

  const card = (question, number) => {
    const node = make("article", {
      class: `card ${state(question)}`, tabindex: "0", "data-holder": "", "data-number": number,
      "aria-label": `${state(question)} answer: ${question.text.replaceAll("<mask>", "region")}`,
    });
    const text = make("div", {}, wording(question), verdict(question));
    if (question.novel) {
      const note = make("span", { class: "note" });
      note.textContent = "novel wording";
      text.append(note);
    }
    node.append(scene(question, 1 / 44), text);
    return node;
  };

  const closeUp = (question) => {
    const table = make("table", { class: "weights" });
    const head = make("tr");
    for (const name of ["region", "part of the answer", "helped to find it"]) {
      const cell = make("th", { scope: "col" });
      cell.textContent = name;
      head.append(cell);
    }
    table.append(head);
    question.masks.forEach((_, region) => {
      const row = make("tr");
      const chip = make("span", { class: `chip ${role(question, region)}` });
      chip.textContent = region;
      row.append(make("td", {}, chip));
      for (const weight of [question.answer_weights[region], question.anchor_weights[region]]) {
        const bar = make("i");
        bar.style.width = `${weight}%`;
        row.append(make("td", {}, make("span", { class: "meter" }, bar), `${weight} %`));
      }
      row.addEventListener("mouseenter", () => light(dialog, region));
      row.addEventListener("mouseleave", () => light(dialog, null));
      table.append(row);
    });
    const note = make("p", { class: "note" });
    note.textContent = `${question.file} · ${question.id}${question.said ? ` · the data set says: ${question.said}` : ""}`;
    const text = make("div", { class: `said ${state(question)}`, "data-holder": "" }, wording(question), verdict(question), table, note);
    const body = dialog.querySelector("div");
    body.replaceChildren(scene(question, innerWidth < 700 ? 1 / 40 : 1 / 72), text);
    body.dataset.holder = "";
    enlarged = question;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  };

  const draw = () => {
    const end = Math.min(drawn + PAGE, shown.length);
    for (; drawn < end; drawn += 1) cards.append(card(shown[drawn], drawn));
    more.hidden = drawn >= shown.length;
  };

  const filter = () => {
    const wanted = new FormData(filters);
    const slice = wanted.get("slice") ? Number(wanted.get("slice")) : null;
    const words = wanted.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    shown = data.questions.filter((question) => {
      const text = `${question.text} ${question.file} ${question.id} ${question.answer}`.toLowerCase();
      return (
        (!wanted.get("task") || question.task === wanted.get("task")) &&
        (!wanted.get("verdict") || state(question) === wanted.get("verdict")) &&
        (!wanted.get("wording") || question.novel === (wanted.get("wording") === "novel")) &&
        (slice === null || question.slices.includes(slice)) &&
        words.every((word) => text.includes(word))
      );
    });
    drawn = 0;
    cards.replaceChildren();
    draw();
    if (!shown.length) {
      const none = make("p", { class: "none" });
      none.textContent = "No question matches.";
      cards.append(none);
    }
    count.textContent = `${shown.length} of ${data.questions.length}`;
  };

  // The slices that occur, each label with its questions here.
  const offerSlices = () => {
    const sizes = data.slices.map(() => 0);
    for (const question of data.questions) for (const place of question.slices) sizes[place] += 1;
    const select = document.getElementById("slice");
    let group = null;
    data.slices.forEach(([name, label], place) => {
      if (group?.label !== name) select.append((group = make("optgroup", { label: name })));
      const option = make("option", { value: place });
      option.textContent = `${name}: ${label} (${sizes[place]})`;
      group.append(option);
    });
    select.parentElement.hidden = !data.slices.length;
  };

  const questionOf = (node) => shown[Number(node.closest(".card")?.dataset.number)];

  filters.addEventListener("input", filter);
  filters.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => {
    const first = drawn;
    draw();
    cards.children[first]?.focus();
  });
  cards.addEventListener("click", (event) => {
    const question = questionOf(event.target);
    if (question) closeUp(question);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest(".close")) dialog.close();
  });
  // Whoever leafed through the close-ups goes on from the last one.
  dialog.addEventListener("close", () => {
    const at = shown.indexOf(enlarged);
    while (drawn <= at) draw();
    cards.children[at]?.focus();
  });

  const step = (by) => {
    const all = [...cards.querySelectorAll(".card")];
    const at = all.indexOf(document.activeElement);
    let next = at + by;
    if (at < 0) next = 0;
    if (next >= all.length && drawn < shown.length) draw();
    const target = cards.querySelectorAll(".card")[Math.max(0, next)];
    if (!target) return;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "center" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input[type=search]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "/" && !dialog.open) {
      event.preventDefault();
      filters.elements.text.focus();
    } else if ((event.key === "j" || event.key === "k") && !dialog.open) {
      step(event.key === "j" ? 1 : -1);
    } else if ((event.key === "j" || event.key === "k") && dialog.open) {
      const next = shown[shown.indexOf(enlarged) + (event.key === "j" ? 1 : -1)];
      if (next) closeUp(next);
    } else if (event.key === "Enter" && document.activeElement.matches(".card")) {
      event.preventDefault(); // or the same key would press the button that is focused next, and close it
      closeUp(questionOf(document.activeElement));
    }
  });

  document.getElementById("theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  });

  // The section in view is underlined in the navigation.
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver(
    (entries) => entries.forEach((entry) => links.get(entry.target.id)?.classList.toggle("here", entry.isIntersecting)),
    { rootMargin: "-40% 0px -55% 0px" },
  );
  document.querySelectorAll("main section").forEach((section) => watcher.observe(section));

  // A viewer that shows the page inside its own would take a link to a section for one to itself.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  });
  offerSlices();
  filter();
})();
