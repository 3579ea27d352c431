/* Optional comforts, in plain ES5; every page works without this file. */
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

  /* A second press sends nothing, until no answer came. What only asks again stays on its page. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.getAttribute("aria-busy")) {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
    if (form.hasAttribute("data-asks") && canFetch()) {
      event.preventDefault();
      askAgain(form);
      return;
    }
    window.setTimeout(function () {
      form.removeAttribute("aria-busy");
    }, 8000);
  });

  function swap(old, fresh) {
    fresh = document.importNode(fresh, true);
    old.parentNode.replaceChild(fresh, old);
    prepare(fresh);
    return fresh;
  }

  /* What is being read does not fold, and the focus stays at the button that asks. */
  function replace(old, fresh) {
    var hadFocus = old.contains(document.activeElement);
    var isShown = !old.querySelector(".folded > details:not([open])");
    var isDisputed = old.querySelector(".dispute[open]");
    fresh = swap(old, fresh);
    each(isDisputed ? "details" : ".folded > details", function (details) {
      if (isShown) details.setAttribute("open", "");
    }, fresh);
    if (hadFocus) each("[data-asks] button", function (button) {
      button.focus({ preventScroll: true });
    }, fresh);
    return fresh;
  }

  function getStatus(item) {
    return item.getAttribute("data-status");
  }

  function isChecking(item) {
    return getStatus(item) === "checking";
  }

  /* A waiting item is asked once others pass. */
  function isOpen(item) {
    return isChecking(item) || getStatus(item) === "waiting";
  }

  /* Put what is new in place; `asked` is the part whose button was pressed. An item that came late fills the place
     that was kept for it, and may take more. */
  function update(page, asked) {
    each("[data-live]", function (old) {
      var fresh = page.getElementById(old.id);
      var isItem = old.hasAttribute("data-step");
      var isWanted = old.id === asked || asked === "progress" || (asked ? !isChecking(old) : isOpen(old));
      if (!fresh || (isItem && (!isWanted || (!asked && getStatus(fresh) === getStatus(old))))) return;
      var room = old.getBoundingClientRect().height;
      var wasChecking = isChecking(old);
      fresh = replace(old, fresh);
      if (isItem && !asked && wasChecking) fresh.style.minHeight = room + "px";
    });
  }

  /* What is left comes first again, where nobody is in the midst of the items. */
  function regroup(page) {
    var items = document.getElementById("items");
    var fresh = page.getElementById("items");
    if (items && fresh && !items.contains(document.activeElement)) swap(items, fresh);
  }

  function waitForAll() {
    window.location.replace(window.location.pathname + "?wait=1");
  }

  /* Without a network the page stays as it is, and says so. */
  function showOffline(place) {
    each("#offline", function (template) {
      each("[data-lost]", function (old) {
        old.parentNode.removeChild(old);
      });
      var told = document.importNode(template.content || template, true).querySelector("p");
      told.setAttribute("data-lost", "");
      place.parentNode.insertBefore(told, place);
      say(told.textContent);
    });
  }

  /* A network that hangs is none. */
  function fetchInTime(url, options) {
    options.credentials = "same-origin";
    options.redirect = "manual";
    return Promise.race([
      window.fetch(url, options),
      new Promise(function (_done, fail) {
        window.setTimeout(function () {
          fail(new TypeError("timeout"));
        }, 15000);
      }),
    ]);
  }

  /* The page as it is now. A redirect leads to the sign-in, where only the browser itself can go. */
  function fetchPage(query) {
    return fetchInTime(window.location.pathname + query, {})
      .then(function (answer) {
        if (!answer.ok) throw new Error("no page");
        return answer.text();
      })
      .then(function (text) {
        return new DOMParser().parseFromString(text, "text/html");
      });
  }

  /* Ask for the page again, which comes with the next answer, until all have come; then say the result. */
  function followUp(before, asked, told) {
    var steps = [];
    each("[data-step]", function (item) {
      if (isOpen(item)) steps.push(item.getAttribute("data-step"));
    });
    if (!document.querySelector('[data-status="checking"]')) {
      each("[data-result]", function (result) {
        if (before !== Infinity || asked) say(told || result.textContent);
      });
      return;
    }
    if (steps.length >= before || !canFetch()) {
      waitForAll();
      return;
    }
    fetchPage("?wait=" + steps.join(","))
      .then(function (page) {
        update(page, "");
        if (asked === "progress" && !document.querySelector('[data-status="checking"]')) regroup(page);
        followUp(steps.length, asked, told);
      })
      .catch(function () {
        if (window.navigator.onLine !== false) {
          waitForAll();
          return;
        }
        showOffline(document.getElementById("progress"));
        window.addEventListener("online", waitForAll);
      });
  }
  followUp(Infinity, "", "");

  /* Ask again, keep focus and place, and say what came of it. */
  function askAgain(form) {
    var item = form.parentNode;
    var line = form.parentNode.querySelector("p");
    while (!item.hasAttribute("data-live")) item = item.parentNode;
    var id = item.id;
    var before = line.textContent;
    line.textContent = form.getAttribute("data-asks");
    say(line.textContent);
    fetchInTime(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
      .then(function (answer) {
        if (answer.type !== "opaqueredirect") throw new Error("no redirect");
        return fetchPage("");
      })
      .then(
        function (page) {
          var top = form.getBoundingClientRect().top;
          update(page, id);
          if (id === "progress") regroup(page);
          var fresh = document.querySelector("#" + id + " [data-asks]");
          if (fresh) window.scrollBy(0, fresh.getBoundingClientRect().top - top);
          var told = document.querySelector("#" + id + " > [role=status], [data-limited]");
          followUp(Infinity, id, told ? told.textContent : "");
        },
        function (error) {
          form.removeAttribute("aria-busy");
          line.textContent = before;
          if (error instanceof TypeError) showOffline(form.parentNode);
          else window.location.reload();
        }
      );
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

  /* Only a script can copy. */
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
