// Runs once, when the page is opened. It translates texts that Gradio shows only in English, announces new content to
// screen readers, and moves the keyboard focus when the focused button disappears.
(texts) => {
  const root = document.documentElement;
  const rules = texts.map(({ pattern, texts }) => ({ pattern: new RegExp(`^(?:${pattern})$`), texts }));
  // All other text comes from the user or from our own table of texts.
  const TRANSLATED = ".toast-wrap, .meta-text, .meta-text-center, .progress-text, #microphone button";
  const ATTRIBUTES = ["aria-label", "title"];
  const NEXT = { cancel: "recognize", "cancel-download": "retry", retry: "cancel-download" };
  const SETTLED_MS = 300;
  const NARROW_PX = 640; // on narrower screens the answer is below the buttons, out of view

  const known = new WeakMap(); // node -> { slot: { original, ours } }, where a slot is the name of an attribute, or "" for the text

  function translate(original) {
    const language = root.dataset.language;
    for (const { pattern, texts } of rules) {
      const found = pattern.exec(original.trim());
      if (found && language in texts) return texts[language].replace(/\{(\w+)\}/g, (_, name) => found.groups[name]);
    }
    return original;
  }

  function replace(node, slot, current, put) {
    const slots = known.get(node) ?? {};
    const original = slots[slot]?.ours === current ? slots[slot].original : current;
    const ours = translate(original);
    if (ours === current) return;
    slots[slot] = { original, ours };
    known.set(node, slots);
    put(ours);
  }

  function visit(node) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.parentElement?.closest(TRANSLATED)) replace(node, "", node.nodeValue, (ours) => (node.nodeValue = ours));
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    for (const name of ATTRIBUTES) {
      const current = node.getAttribute(name);
      if (current) replace(node, name, current, (ours) => node.setAttribute(name, ours));
    }
    node.childNodes.forEach(visit);
  }

  // One permanent live region: screen readers often skip a region that is added together with its text.
  const announcer = document.createElement("div");
  announcer.className = "se-announcer";
  announcer.setAttribute("aria-live", "polite");
  document.body.append(announcer);
  const announced = {};
  let waiting = null;

  function announce() {
    waiting = null;
    const fresh = [];
    for (const id of ["status", "answer"]) {
      const text = document.querySelector(`#${id} [data-announce]`)?.dataset.announce ?? "";
      if (text && announced[id] !== text) fresh.push(text);
      announced[id] = text;
    }
    if (fresh.length) announcer.textContent = fresh.join(" ");
  }

  // Gradio's events do not tell a recognition that the user cancelled from one that the server refused.
  document.addEventListener("click", ({ target }) => {
    if (!target.closest?.("#recognize, #cancel")) return;
    root.dataset.stopped = String(!!target.closest("#cancel"));
    if (innerWidth <= NARROW_PX) setTimeout(() => document.getElementById("answer")?.scrollIntoView({ block: "nearest" }), SETTLED_MS);
  }, true);

  // If the browser can't play a file, the sentence behind the player is shown instead of the player. This is not an
  // `onerror` attribute because the content security policy of the page forbids those.
  document.addEventListener("error", ({ target }) => {
    if (!target.matches?.("#player audio")) return;
    target.hidden = true;
    target.nextElementSibling.hidden = false;
  }, true);

  // Gradio shows no message when there is no access to a microphone.
  const devices = navigator.mediaDevices;
  if (devices) {
    const request = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      try {
        const stream = await request(constraints);
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

  // Which recording is chosen now, and which one the result on the page is about. If they differ, the style sheet greys
  // the result and shows the name of its recording.
  const chosen = { tab: "file", file: null, microphone: null };
  let recognized = null;
  const recording = () => `${chosen.tab}:${chosen[chosen.tab]}`;
  const mark = () => root.toggleAttribute("data-previous", recognized !== null && recognized !== recording());
  window.speechEmotion = {
    chosen,
    choose: (changes) => { Object.assign(chosen, changes); mark(); },
    start: () => { recognized = recording(); mark(); },
    forget: () => { recognized = null; mark(); },
  };

  let focused = null;
  document.addEventListener("focusin", (event) => (focused = event.target));

  function keepFocus() {
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
    keepFocus();
    waiting ??= setTimeout(announce, SETTLED_MS);
  }).observe(root, {
    subtree: true, childList: true, characterData: true, attributeFilter: [...ATTRIBUTES, "data-language", "data-announce"],
  });
  visit(document.body);
}
