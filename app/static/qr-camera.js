/* Scans by the camera, in the gate's page and at /verify. */

const EVERY_MS = 120;
const GONE_MS = 2000;
const WANTED = { video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } } };
const FAULTS = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "busy",
  AbortError: "busy",
  NoReader: "unread",
};

/** Let `button` start and stop the camera, which shows in `video`; `light` turns its lamp on where it has one.
    `found` gets the texts of the codes in view, once for as long as they stay in view; `failed` the reason why there
    is no camera: "refused", "none", "busy", "unsupported", or "unread" where nothing here reads codes. `getReader` brings the reader of `qr-reader.js`. */
export function setUpCamera({ button, video, light, getReader, found, failed }) {
  let isOpening = false;
  button.addEventListener("click", (event) => {
    event.preventDefault(); // of a link
    if (video.srcObject) stop(video, button, light);
    else if (!isOpening) start().catch((error) => {
      if (video.srcObject) stop(video, button, light);
      failed(FAULTS[error.name] || "unsupported");
    });
  });
  light.addEventListener("click", () => switchLight(video, light).catch(() => { light.hidden = true; }));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && video.srcObject) stop(video, button, light);
  });

  async function start() {
    isOpening = true;
    video.srcObject = await navigator.mediaDevices.getUserMedia(WANTED).finally(() => { isOpening = false; });
    video.hidden = false;
    video.parentNode.classList.add("filming");
    button.setAttribute("aria-pressed", "true");
    await video.play();
    const [track] = video.srcObject.getVideoTracks();
    light.hidden = !(track.getCapabilities && track.getCapabilities().torch);
    await watch(video, await getReader(), found);
  }
}

async function watch(video, reader, found) {
  if (reader.kind === "none") throw Object.assign(new Error("no reader"), { name: "NoReader" });
  let last = "";
  let seenAt = 0;
  while (video.srcObject) {
    const texts = video.videoWidth ? await reader.readFrame(video) : [];
    const now = performance.now();
    const text = texts.sort().join("\n");
    if (text && (text !== last || now - seenAt > GONE_MS)) found(texts);
    if (text) [last, seenAt] = [text, now];
    await new Promise((resolve) => { setTimeout(resolve, EVERY_MS); });
  }
}

function stop(video, button, light) {
  video.srcObject.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  video.hidden = true;
  video.parentNode.classList.remove("filming");
  light.hidden = true;
  light.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", "false");
}

async function switchLight(video, light) {
  const isOn = light.getAttribute("aria-pressed") !== "true";
  const [track] = video.srcObject.getVideoTracks();
  await track.applyConstraints({ advanced: [{ torch: isOn }] });
  light.setAttribute("aria-pressed", String(isOn));
}
