/* Optional comforts of staff's pages, in plain ES5; every page works without this file. */
(function () {
  "use strict";

  /* A page restored by Back shows the state of then: load it again. */
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) window.location.reload();
  });

  /* A second press sends nothing, until no answer came. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented) return;
    if (form.getAttribute("aria-busy")) {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
    window.setTimeout(function () {
      form.removeAttribute("aria-busy");
    }, 8000);
  });

  /* Enter does the main action. */
  var main = document.querySelector("[data-focus]");
  if (main) main.focus({ preventScroll: true });
  var openedAt = Date.now();

  /* `/` goes to the search, and so does whatever a hand scanner types: else the Enter behind the next student's code would
     decide about this one. An Enter that is held since the page before decides nothing either. */
  document.addEventListener("keydown", function (event) {
    var at = event.target;
    var field = document.getElementById("q");
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^(input|textarea|select)$/i.test(at.tagName) && at.type !== "radio" && at.type !== "checkbox") return;
    if (event.key === "Enter" && (event.repeat || Date.now() - openedAt < 400)) event.preventDefault();
    if (!field || event.key.length !== 1 || event.key === " ") return;
    field.focus();
    field.select();
    if (event.key === "/") event.preventDefault();
  });

  /* Only a script can copy. */
  var buttons = document.querySelectorAll("[data-copy], [data-copy-text]");
  for (var i = 0; i < buttons.length; i += 1) {
    buttons[i].hidden = false;
    buttons[i].addEventListener("click", copy);
  }

  function copy(event) {
    var button = event.currentTarget;
    var area = document.getElementById(button.getAttribute("data-copy"));
    var isOwn = !area;
    if (isOwn) {
      area = document.createElement("textarea");
      area.value = button.getAttribute("data-copy-text");
      document.body.appendChild(area);
    }
    area.select();
    if (document.execCommand("copy")) button.textContent = button.getAttribute("data-done");
    if (isOwn) document.body.removeChild(area);
    button.focus();
  }
})();
