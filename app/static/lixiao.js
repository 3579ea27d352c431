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

  /* Departments that have not answered yet: ask for the page once more, which waits for them, and put
     its live parts in place of these. */
  if (document.querySelector('[data-status="checking"]') && window.fetch && window.DOMParser) {
    window
      .fetch(window.location.pathname + "?wait=1", { credentials: "same-origin" })
      .then(function (answer) {
        if (!answer.ok || answer.redirected) throw new Error("no page");
        return answer.text();
      })
      .then(function (text) {
        var page = new DOMParser().parseFromString(text, "text/html");
        each("[data-live]", function (old) {
          var fresh = page.getElementById(old.id);
          var status = old.getAttribute("data-status") || "checking";
          if (fresh && status === "checking") old.parentNode.replaceChild(document.importNode(fresh, true), old);
        });
      })
      .catch(function () {
        window.location.replace(window.location.pathname + "?wait=1");
      });
  }

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
