/* Optional comforts of staff's pages, in plain ES5; every page works without this file. */
(function () {
  "use strict";

  /* A page restored by Back shows the state of then: load it again. */
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) window.location.reload();
  });
})();
