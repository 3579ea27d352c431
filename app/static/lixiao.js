/* Optional comforts; every page works without this file. Plain ES5 for old browsers. */
(function () {
  "use strict";

  function each(selector, act, root) {
    var found = (root || document).querySelectorAll(selector);
    for (var i = 0; i < found.length; i += 1) act(found[i]);
  }

  /* For those who hear the page. */
  function say(text) {
    var place = document.getElementById("said");
    if (place) place.textContent = text;
  }

  function canFetch() {
    return window.fetch && window.DOMParser && window.URLSearchParams && window.FormData;
  }

  /* A page restored by Back shows the state of then: load it again. */
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) window.location.reload();
  });

  /* The second press of a button sends nothing; the button itself stays as it is, and works again
     if no answer came. What only asks departments again stays on its page. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.getAttribute("aria-busy")) {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
    window.setTimeout(function () {
      form.removeAttribute("aria-busy");
    }, 8000);
    if (form.hasAttribute("data-asks") && canFetch()) {
      event.preventDefault();
      askAgain(form);
    }
  });

  function read(text) {
    return new DOMParser().parseFromString(text, "text/html");
  }

  /* Put an element of a new page in the place of the one of that id, and let what passes now stay open: what is
     being read does not fold, and the focus stays at the button that asks. */
  function replace(old, fresh) {
    var hadFocus = old.contains(document.activeElement);
    fresh = document.importNode(fresh, true);
    old.parentNode.replaceChild(fresh, old);
    each("details", function (details) {
      if (fresh.className.indexOf("folded") >= 0) details.setAttribute("open", "");
    }, fresh);
    prepare(fresh);
    if (hadFocus) each("[data-asks] button", function (button) {
      button.focus({ preventScroll: true });
    }, fresh);
    return fresh;
  }

  /* Put what has come since in place of what was awaited. An item that came late fills the place that was kept for
     it, and may take more. */
  function update(page, isAfresh) {
    each("[data-live]", function (old) {
      var fresh = page.getElementById(old.id);
      var isItem = old.hasAttribute("data-step");
      var isAwaited = old.getAttribute("data-status") === "checking";
      var room = old.getBoundingClientRect().height;
      if (!fresh || fresh.outerHTML === old.outerHTML) return;
      if (isItem && !isAfresh && (!isAwaited || fresh.getAttribute("data-status") === "checking")) return;
      if (isItem && isAfresh && old.getAttribute("data-status") === fresh.getAttribute("data-status")
        && !fresh.querySelector("[role=status]") && !old.querySelector("[role=status]")) return;
      fresh = replace(old, fresh);
      if (isItem && (isAwaited || fresh.getAttribute("data-status") === "checking")) fresh.style.minHeight = room + "px";
    });
  }

  function waitForAll() {
    window.location.replace(window.location.pathname + "?wait=1");
  }

  /* Departments that have not answered yet: ask for the page again, which comes with the next answer, until all
     have come. */
  function followUp(before) {
    var steps = [];
    each('[data-status="checking"]', function (item) {
      steps.push(item.getAttribute("data-step"));
    });
    if (!steps.length) {
      each("[data-result]", function (result) {
        if (before !== Infinity) say(result.textContent);
      });
      return;
    }
    if (steps.length >= before || !canFetch()) {
      waitForAll();
      return;
    }
    window
      .fetch(window.location.pathname + "?wait=" + steps.join(","), { credentials: "same-origin" })
      .then(function (answer) {
        if (!answer.ok || answer.redirected) throw new Error("no page");
        return answer.text();
      })
      .then(function (text) {
        update(read(text), false);
        followUp(steps.length);
      })
      .catch(waitForAll);
  }
  followUp(Infinity);

  /* Ask again, keep focus and place, and say what came of it. */
  function askAgain(form) {
    var item = form.parentNode;
    while (!item.hasAttribute("data-live")) item = item.parentNode;
    var id = item.id;
    var top = form.getBoundingClientRect().top;
    window
      .fetch(form.action, { method: "POST", credentials: "same-origin", body: new URLSearchParams(new FormData(form)) })
      .then(function (answer) {
        if (!answer.ok || answer.url.split(/[?#]/)[0] !== window.location.href.split(/[?#]/)[0]) throw new Error("no page");
        return answer.text();
      })
      .then(function (text) {
        update(read(text), true);
        var fresh = document.querySelector("#" + id + " [data-asks]");
        form.removeAttribute("aria-busy");
        if (fresh) window.scrollBy(0, fresh.getBoundingClientRect().top - top);
        var told = document.querySelector("#" + id + " > [role=status]");
        if (told) say(told.textContent);
        followUp(told ? Infinity : 100);
      })
      .catch(function () {
        window.location.reload();
      });
  }

  /* After the load, when the browser has gone to the address's anchor. */
  window.addEventListener("load", function () {
    each("[data-focus]", function (element) {
      element.focus();
    });
  });

  /* What leads to an item that is folded opens it. */
  function openTarget() {
    var target = window.location.hash.length > 1 && document.getElementById(window.location.hash.slice(1));
    if (target) each(".folded > details", function (details) {
      if (details.parentNode === target) details.setAttribute("open", "");
    });
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();

  function copy(text) {
    var area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.appendChild(area);
    area.select();
    area.setSelectionRange(0, text.length);
    var isDone = document.execCommand("copy");
    document.body.removeChild(area);
    return isDone;
  }

  /* Only a script can copy: the buttons for it are shown here. */
  function prepare(root) {
    each("[data-copy], [data-copy-text]", function (button) {
      button.hidden = false;
    }, root);
  }
  prepare(document);
  document.addEventListener("click", function (event) {
    var button = event.target;
    while (button && button.hasAttribute && !button.hasAttribute("data-done")) button = button.parentNode;
    if (!button || !button.hasAttribute) return;
    var source = document.getElementById(button.getAttribute("data-copy"));
    if (copy(source ? source.value : button.getAttribute("data-copy-text"))) {
      button.textContent = button.getAttribute("data-done");
      say(button.textContent);
    } else if (source) {
      source.select();
    }
    button.focus();
  });

  /* Webviews cannot print; a mouse tells a PC. */
  if (window.matchMedia && window.matchMedia("(hover: hover) and (pointer: fine)").matches) {
    each("[data-print]", function (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        window.print();
      });
    });
  }
})();
