/* A counter's camera, loaded when it is touched, and its scan mode: there the page stays, so that the camera does too, and
   whatever is not a clean done sounds. */

const ONCE_MS = 10000;
const WAIT_MS = 15000;
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
  const text = body.get("q");
  document.getElementById("q").value = "";
  if (isRepeated(text)) return;
  sending = sending.then(() => post(body)).then(show).catch((fault) => stop(fault, text));
}

/* No redirect is followed: what is done leads here again, but the end of a session leads to the campus. */
async function post(body) {
  const options = { redirect: "manual", credentials: "same-origin" };
  const ask = (address, more) => fetch(address, {
    ...options, ...more, signal: AbortSignal.timeout ? AbortSignal.timeout(WAIT_MS) : undefined,
  });
  let answer = await ask(scanForm.action, { method: "POST", body });
  if (answer.type === "opaqueredirect") answer = await ask(`${scanForm.action.split("?")[0]}?mode=scan`);
  if (answer.type === "opaqueredirect") throw new Stop("SignInNeeded");
  return answer.text();
}

class Stop extends Error {}

/* What did not come through keeps its page and its text, and may be scanned again at once. */
function stop(fault, text) {
  const faults = document.getElementById("scan-faults").content;
  const name = fault instanceof Stop ? fault.message : "NoNetwork";
  seen.delete(text);
  tell(faults.querySelector(`[data-error=${name}]`));
  restore(text);
}

/* Only what the answer changes is put in place. */
function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = page.getElementById("work");
  if (!fresh) throw new Stop("NotConfirmed");
  document.getElementById("handled").replaceWith(document.importNode(page.getElementById("handled"), true));
  tell(fresh.querySelector(":scope > .notice"));
  restore(page.getElementById("q").value);
}

function tell(notice) {
  const work = document.getElementById("work");
  work.querySelectorAll(":scope > .notice").forEach((old) => old.remove());
  if (notice) work.prepend(document.importNode(notice, true));
  if (notice && notice.hasAttribute("data-alarm")) alarm();
}

/* What is to be mended stands selected, so that the next scan replaces it; who types already is not disturbed. */
function restore(text) {
  const field = document.getElementById("q");
  field.focus();
  if (field.value) return;
  field.value = text;
  field.select();
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

const typed = document.getElementById("q");
if (typed.value && document.activeElement === typed) typed.select();
if (navigator.mediaDevices) {
  opener.setAttribute("role", "button");
  opener.addEventListener("click", openCamera);
}
if (scanForm) scanForm.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
