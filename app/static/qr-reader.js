/* Reads QR codes from frames of a camera and from photos: by the browser's own detector where it knows QR, else by the
   packaged decoder in a worker. A detector that fails, as without its system service, makes way for the decoder. */

const PATIENCE_MS = 20000;
const MOST_PIXELS = 2400;

/** `{kind, readFrame(video), readPhoto(file)}`: `kind` is "system", "own", or "none" where this browser can neither.
    `decoderUrl` is the worker's address; `?for=old` lets browsers compile that do not know `wasm-unsafe-eval`. */
export async function openReader(decoderUrl) {
  const reader = { kind: "none", readFrame, readPhoto };
  let detector = await openDetector();
  let decoder = null;
  if (detector) reader.kind = "system";
  else await turnToDecoder();

  async function turnToDecoder() {
    detector = null;
    const [opened, isSlow] = await openDecoder(decoderUrl);
    decoder = opened || isSlow ? opened : (await openDecoder(`${decoderUrl}?for=old`))[0];
    reader.kind = decoder ? "own" : "none";
  }

  async function detect(source) {
    try {
      return (await detector.detect(source)).map((code) => code.rawValue);
    } catch {
      await turnToDecoder();
      return null;
    }
  }

  async function readFrame(video) {
    const found = detector && (await detect(video));
    if (found) return found;
    return decoder ? decoder(draw(video, video.videoWidth, video.videoHeight), false) : [];
  }

  /* Throws where the file is no picture that this browser opens. */
  async function readPhoto(file) {
    const bitmap = await createImageBitmap(file);
    const found = detector && (await detect(bitmap));
    if (found && found.length) return found;
    if (!decoder) await turnToDecoder();
    return decoder ? decoder(draw(bitmap, bitmap.width, bitmap.height), true) : [];
  }

  return reader;
}

async function openDetector() {
  try {
    const formats = await BarcodeDetector.getSupportedFormats();
    return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch {
    return null; // most browsers have none
  }
}

/* A function from pixels to texts, or null where the decoder does not start; and whether it only takes too long. */
async function openDecoder(url) {
  const worker = startWorker(url);
  if (!worker) return [null, false];
  const waiting = new Map();
  let last = 0;
  const answer = ({ id, texts, fault }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (fault) reject(new Error(fault));
    else resolve(texts);
  };
  worker.onmessage = ({ data }) => answer(data);
  worker.onerror = () => [...waiting.keys()].forEach((id) => answer({ id, fault: "worker" }));
  const decode = (picture, isThorough) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    worker.postMessage({ id: last, picture, isThorough });
  });
  const started = await Promise.race([decode(null).catch(() => null), wait(PATIENCE_MS)]);
  if (started) return [decode, false];
  worker.terminate();
  return [null, started === undefined];
}

function startWorker(url) {
  try {
    return new Worker(url);
  } catch {
    return null;
  }
}

function draw(source, width, height) {
  const scale = Math.min(1, MOST_PIXELS / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // under a picture without a ground of its own
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function wait(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
