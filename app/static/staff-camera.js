/* A counter's camera and its scan mode: what is read is sent as what is typed. In scan mode the page stays, so that the
   camera does too, and whatever is not a clean done sounds. */

import { setUpCamera } from "./qr-camera.js";
import { openReader } from "./qr-reader.js";

const ONCE_MS = 10000;
const door = document.getElementById("camera-door");
const scanForm = document.getElementById("scan-form");
const opener = document.getElementById("camera");
const seen = new Map();

let reader = null;
let sending = Promise.resolve();
let sound = null;

function getReader() {
  door.dataset.state = "preparing";
  reader = reader || openReader(door.dataset.decoder);
  return reader.then((opened) => {
    door.dataset.state = "";
    if (opened.kind === "none") reader = null;
    return opened;
  });
}

/* Another code in view, of a poster or a card, is not meant where one of ours is. */
function take(texts) {
  const place = `${door.dataset.baseUrl.replace(/^https?:/, "")}/c/`.toLowerCase();
  const ours = texts.filter((text) => text.toLowerCase().includes(place));
  const text = (ours.length ? ours : texts).join("\n");
  const field = document.getElementById("q");
  field.value = text;
  if (scanForm) send(new FormData(field.form));
  else field.form.submit();
}

/* The same code within ten seconds was held too long. */
function isRepeated(text) {
  const now = performance.now();
  const isAgain = now - (seen.get(text) ?? -ONCE_MS) < ONCE_MS;
  if (!isAgain) seen.set(text, now);
  return isAgain;
}

function send(form) {
  if (isRepeated(form.get("q"))) return;
  const body = new URLSearchParams(form);
  sending = sending.then(() => fetch(document.getElementById("q").form.action, { method: "POST", body, credentials: "same-origin" })
    .then((answer) => answer.text())
    .then(show)
    .catch(() => window.location.reload()));
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
  const field = document.getElementById("q");
  field.value = "";
  field.focus();
  if (told && told.hasAttribute("data-alarm")) alarm();
}

function alarm() {
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
  door.insertBefore(document.getElementById("camera-parts").content, document.getElementById("photo"));
  const [video, light] = ["video", "light"].map((id) => document.getElementById(id));
  setUpCamera({
    button: opener, video, light, getReader, found: take,
    failed: (name) => { door.dataset.state = name; document.getElementById("photo").open = true; },
  });
  opener.click();
}

if (navigator.mediaDevices) {
  opener.setAttribute("role", "button");
  opener.addEventListener("click", openCamera);
}
if (scanForm) scanForm.addEventListener("submit", (event) => {
  event.preventDefault();
  send(new FormData(scanForm));
});
