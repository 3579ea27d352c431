/* A counter's camera, loaded when it is touched, and its scan mode: there the page stays, so that the camera does too, and
   whatever is not a clean done sounds. */

const ONCE_MS = 10000;
const scanForm = document.getElementById("scan-form");
const opener = document.getElementById("camera");
const seen = new Map();

let sending = Promise.resolve();
let sound = null;

/** Send what was scanned as what is typed. */
export function take(text) {
  const field = document.getElementById("q");
  field.value = text;
  if (scanForm) send();
  else field.form.submit();
}

/* The same code within ten seconds was held too long. */
function isRepeated(text) {
  const now = performance.now();
  const isAgain = now - (seen.get(text) ?? -ONCE_MS) < ONCE_MS;
  if (!isAgain) seen.set(text, now);
  return isAgain;
}

/* The field is free at once: a hand scanner does not wait for the answer. */
function send() {
  const body = new URLSearchParams(new FormData(scanForm));
  document.getElementById("q").value = "";
  if (isRepeated(body.get("q"))) return;
  const options = { method: "POST", body, credentials: "same-origin" };
  sending = sending.then(() => fetch(scanForm.action, options))
    .then((answer) => answer.text())
    .then(show, () => window.location.reload());
}

/* Only what the answer changes is put in place. */
function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const [work, fresh] = [document.getElementById("work"), page.getElementById("work")];
  if (!fresh) {
    window.location.reload();
    return;
  }
  work.querySelectorAll(":scope > .notice").forEach((old) => old.remove());
  const told = fresh.querySelector(":scope > .notice");
  if (told) work.prepend(document.importNode(told, true));
  document.getElementById("handled").replaceWith(document.importNode(page.getElementById("handled"), true));
  document.getElementById("q").focus();
  if (told && told.hasAttribute("data-alarm")) alarm();
}

async function alarm() {
  if (navigator.vibrate) navigator.vibrate([200, 100, 200]);
  sound = sound || new AudioContext();
  const tone = sound.createOscillator();
  tone.frequency.value = 330;
  tone.connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.6);
}

function openCamera(event) {
  event.preventDefault();
  opener.removeEventListener("click", openCamera);
  import("./staff-camera.js").then((camera) => camera.open(take), () => {
    document.getElementById("camera-door").dataset.state = "unread";
  });
}

if (navigator.mediaDevices) {
  opener.setAttribute("role", "button");
  opener.addEventListener("click", openCamera);
}
if (scanForm) scanForm.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
