/* Reads the code by the camera, where the browser can find QR codes by itself. */

const EVERY_MS = 200;

/** Show the camera's button where it works; `found` gets each new text that the camera reads. */
export async function startCamera(button, found) {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  const formats = await BarcodeDetector.getSupportedFormats();
  if (!formats.includes("qr_code")) return;
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  const video = document.getElementById("video");
  button.hidden = false;
  button.addEventListener("click", () => (video.srcObject ? stop(video) : watch(video, detector, found)));
}

async function watch(video, detector, found) {
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.hidden = false;
  await video.play();
  let last = "";
  while (video.srcObject) {
    const [code] = await detector.detect(video).catch(() => []);
    if (code && code.rawValue !== last) {
      last = code.rawValue;
      await found(last);
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

function stop(video) {
  video.srcObject.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  video.hidden = true;
}
