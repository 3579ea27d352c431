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

  /* `/` goes to the search: to its input, or to the page that has it. */
  document.addEventListener("keydown", function (event) {
    var at = event.target;
    if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^(input|textarea|select)$/i.test(at.tagName) && at.type !== "radio" && at.type !== "checkbox") return;
    var field = document.getElementById("q");
    var link = document.querySelector("a[data-search]");
    if (!field && !link) return;
    event.preventDefault();
    if (field) {
      field.focus();
      field.select();
    } else window.location.assign(link.href);
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
