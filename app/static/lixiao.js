/* Optional comforts; every page works without this file. Plain ES5 for old browsers. */
(function () {
  "use strict";

  function each(selector, act) {
    var found = document.querySelectorAll(selector);
    for (var i = 0; i < found.length; i += 1) act(found[i]);
  }

  /* A page restored by Back shows the state of then: load it again. */
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) window.location.reload();
  });

  /* The second press of a button sends nothing; the button itself stays as it is, and works again
     if no answer came. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.getAttribute("aria-busy")) event.preventDefault();
    form.setAttribute("aria-busy", "true");
    window.setTimeout(function () {
      form.removeAttribute("aria-busy");
    }, 8000);
  });

  /* An item that came late fills the place that was kept for it, and may take more: what a person must know or
     do is never folded away. */
  function settle(item, room) {
    var details = item.querySelector("details");
    if (details) details.setAttribute("open", "");
    item.style.minHeight = room + "px";
  }

  /* Put what has come since in place of what was awaited. */
  function update(text) {
    var page = new DOMParser().parseFromString(text, "text/html");
    each("[data-live]", function (old) {
      var fresh = page.getElementById(old.id);
      var step = old.getAttribute("data-step");
      var room = old.getBoundingClientRect().height;
      if (!fresh || (step && old.getAttribute("data-status") !== "checking")) return;
      if (step && fresh.getAttribute("data-status") === "checking") return;
      fresh = document.importNode(fresh, true);
      old.parentNode.replaceChild(fresh, old);
      settle(fresh, room);
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
    if (!steps.length) return;
    if (steps.length >= before || !window.fetch || !window.DOMParser) {
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
        update(text);
        followUp(steps.length);
      })
      .catch(waitForAll);
  }
  followUp(Infinity);

  /* After the load, when the browser has gone to the address's anchor. */
  window.addEventListener("load", function () {
    each("[data-focus]", function (element) {
      element.focus();
    });
  });

  each("[data-copy]", function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      document.getElementById(button.getAttribute("data-copy")).select();
      if (document.execCommand("copy")) button.textContent = button.getAttribute("data-done");
    });
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
