/* Finds QR codes in a picture, in a worker whose policy lets it compile WebAssembly, which no page may. The address
   that imports this has set DECODER (the program) and WASM (its binary). */

importScripts(DECODER);

const QR = { formats: ["QRCode"], maxNumberOfSymbols: 4 };
const QUICK = { tryHarder: false, tryInvert: false, tryDownscale: true };

const DULL = 100;

let ready = null;

function prepare() {
  const overrides = { locateFile: () => WASM };
  return ZXingWASM.prepareZXingModule({ overrides, fireImmediately: true });
}

self.onmessage = async ({ data: { id, picture, isThorough } }) => {
  try {
    ready = ready || prepare();
    await ready;
    self.postMessage({ id, texts: picture ? await find(picture, isThorough) : [] });
  } catch (error) {
    self.postMessage({ id, fault: error.name });
  }
};

/* A frame of a camera is followed by the next; a photo is the only one, so that more is tried. In the dark the levels
   are spread; a red seal over the code is gone in the red channel. */
async function find(picture, isThorough) {
  const options = isThorough ? QR : { ...QR, ...QUICK };
  const texts = await read(picture, options);
  if (texts.length) return texts;
  const spread = spreadLevels(picture);
  const again = spread ? await read(spread, options) : [];
  return again.length || !isThorough ? again : read(takeRed(picture), QR);
}

async function read(picture, options) {
  const found = await ZXingWASM.readBarcodes(picture, options);
  return [...new Set(found.filter((code) => code.isValid).map((code) => code.text))];
}

function takeRed(picture) {
  const pixels = new Uint8ClampedArray(picture.data);
  for (let place = 0; place < pixels.length; place += 4) pixels[place + 1] = pixels[place + 2] = pixels[place];
  return new ImageData(pixels, picture.width, picture.height);
}

/* The picture with its darkest and brightest levels (of every 97th pixel) pulled apart, or null where they are. */
function spreadLevels(picture) {
  let [low, high] = [255, 0];
  for (let place = 1; place < picture.data.length; place += 4 * 97) {
    low = Math.min(low, picture.data[place]);
    high = Math.max(high, picture.data[place]);
  }
  if (high - low > DULL || high === low) return null;
  const pixels = picture.data.map((level) => ((level - low) * 255) / (high - low));
  for (let place = 3; place < pixels.length; place += 4) pixels[place] = 255;
  return new ImageData(pixels, picture.width, picture.height);
}
