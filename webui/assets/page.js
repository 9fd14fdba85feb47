// Runs once, when the page opens. It says in the page's language what Gradio says in English only, tells a screen
// reader what is new, and keeps the keyboard's place when the button that was pressed goes away.
(words) => {
  const root = document.documentElement;
  const rules = words.map(({ heard, said }) => ({ heard: new RegExp(`^(?:${heard})$`), said }));
  // Text elsewhere is the visitor's or ours.
  const SPOKEN = ".toast-wrap, .meta-text, .meta-text-center, .progress-text, #microphone button";
  const ATTRIBUTES = ["aria-label", "title"];
  const NEXT = { cancel: "recognize", "cancel-download": "retry", retry: "cancel-download" };
  const SETTLED_MS = 300;
  const NARROW_PX = 640; // below it the answer stands under the buttons, out of sight

  const known = new WeakMap(); // node -> { place: { original, ours } }

  function translate(original) {
    const language = root.dataset.language;
    for (const { heard, said } of rules) {
      const found = heard.exec(original.trim());
      if (found && language in said) return said[language].replace(/\{(\w+)\}/g, (_, name) => found.groups[name]);
    }
    return original;
  }

  function say(node, place, current, put) {
    const places = known.get(node) ?? {};
    const original = places[place]?.ours === current ? places[place].original : current;
    const ours = translate(original);
    if (ours === current) return;
    places[place] = { original, ours };
    known.set(node, places);
    put(ours);
  }

  function visit(node) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.parentElement?.closest(SPOKEN)) say(node, "", node.nodeValue, (ours) => (node.nodeValue = ours));
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    for (const name of ATTRIBUTES) {
      const current = node.getAttribute(name);
      if (current) say(node, name, current, (ours) => node.setAttribute(name, ours));
    }
    node.childNodes.forEach(visit);
  }

  // One region that is always there: what appears together with its words is often not read out.
  const announcer = document.createElement("div");
  announcer.className = "se-announcer";
  announcer.setAttribute("aria-live", "polite");
  document.body.append(announcer);
  const told = {};
  let waiting = null;

  function announce() {
    waiting = null;
    const fresh = [];
    for (const id of ["status", "answer"]) {
      const words = document.querySelector(`#${id} [data-say]`)?.dataset.say ?? "";
      if (words && told[id] !== words) fresh.push(words);
      told[id] = words;
    }
    if (fresh.length) announcer.textContent = fresh.join(" ");
  }

  // A run that was stopped and one that was refused look alike to Gradio.
  document.addEventListener("click", ({ target }) => {
    if (!target.closest?.("#recognize, #cancel")) return;
    root.dataset.stopped = String(!!target.closest("#cancel"));
    if (innerWidth <= NARROW_PX) setTimeout(() => document.getElementById("answer")?.scrollIntoView({ block: "nearest" }), SETTLED_MS);
  }, true);

  // A file that the browser can't play: the sentence behind the player shows instead of it. The page's policy runs no
  // handler that stands in the markup.
  document.addEventListener("error", ({ target }) => {
    if (!target.matches?.("#player audio")) return;
    target.hidden = true;
    target.nextElementSibling.hidden = false;
  }, true);

  // Gradio says nothing when there is no microphone.
  const devices = navigator.mediaDevices;
  if (devices) {
    const ask = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
      try {
        const stream = await ask(wanted);
        delete root.dataset.microphone;
        return stream;
      } catch (error) {
        root.dataset.microphone = "refused";
        throw error;
      }
    };
  } else {
    root.dataset.microphone = "insecure";
  }

  let focused = null;
  document.addEventListener("focusin", (event) => (focused = event.target));

  function keepPlace() {
    if (document.activeElement !== document.body || !focused || focused.offsetParent) return;
    const next = document.getElementById(NEXT[focused.id] ?? "");
    if (!next?.offsetParent) return;
    focused = null;
    next.focus();
  }

  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.target === root) visit(document.body);
      else if (change.type === "childList") change.addedNodes.forEach(visit);
      else visit(change.target);
    }
    keepPlace();
    waiting ??= setTimeout(announce, SETTLED_MS);
  }).observe(root, {
    subtree: true, childList: true, characterData: true, attributeFilter: [...ATTRIBUTES, "data-language", "data-say"],
  });
  visit(document.body);
}
