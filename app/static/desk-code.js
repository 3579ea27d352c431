/* Counts down the minutes of a code, and fetches a new one without losing the number; plain ES5. */
(function () {
  "use strict";

  var ID = "desk-code";
  var madeAt;

  function find(selector) {
    return document.getElementById(ID).querySelector(selector);
  }

  function begin() {
    madeAt = Date.now();
    tick();
  }

  /* By the clock, which goes on while the phone sleeps. */
  function tick() {
    var section = document.getElementById(ID);
    var left = Math.ceil(Number(section.getAttribute("data-seconds")) - (Date.now() - madeAt) / 1000);
    var isOver = left <= 0;
    var seconds = left % 60;
    find("[data-until]").hidden = true;
    find("[data-counting]").hidden = isOver;
    find("[data-left]").textContent = Math.floor(left / 60) + (seconds < 10 ? ":0" : ":") + seconds;
    if (!isOver || section.hasAttribute("data-is-over")) return;
    section.setAttribute("data-is-over", "");
    find("[data-over]").hidden = false;
  }

  function put(text) {
    var old = document.getElementById(ID);
    var fresh = new window.DOMParser().parseFromString(text, "text/html").getElementById(ID);
    old.parentNode.replaceChild(document.importNode(fresh, true), old);
    begin();
    document.getElementById(ID).focus();
  }

  function renew(link) {
    window.fetch(link.href, { credentials: "same-origin", redirect: "manual" }).then(function (answer) {
      if (answer.type === "opaqueredirect") window.location.assign(link.href); /* signed out meanwhile */
      else if (answer.ok) return answer.text().then(put);
      else throw answer;
    }).catch(function () {
      find("[data-no-network]").hidden = false;
    });
  }

  document.addEventListener("click", function (event) {
    var link = event.target;
    if (!link.hasAttribute || !link.hasAttribute("data-renew") || !window.fetch || !window.DOMParser) return;
    event.preventDefault();
    renew(link);
  });

  begin();
  window.setInterval(tick, 1000);
})();
