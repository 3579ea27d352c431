/* Scans by the camera at /verify: what is read goes where a typed code goes. Loaded when the camera is touched. */

import { readDigits } from "./gate-text.js";
import { setUpCamera } from "./qr-camera.js";
import { openReader } from "./qr-reader.js";

const door = document.getElementById("camera-door");
const [button, video, light] = ["camera", "video", "light"].map((id) => document.getElementById(id));
const field = document.getElementById("code");

let reader = null;

function getReader() {
  door.dataset.state = "preparing";
  reader = reader || openReader(door.dataset.decoder);
  return reader.then((opened) => {
    door.dataset.state = "";
    if (opened.kind === "none") reader = null;
    return opened;
  });
}

/* Another code beside the slip, of a poster or a bicycle, is not meant where one of ours is in view. */
function take(texts) {
  const ours = texts.filter((text) => readDigits(text, door.dataset.baseUrl).digits);
  field.value = (ours.length ? ours : texts).join("\n");
  field.form.submit();
}

setUpCamera({ button, video, light, getReader, found: take, failed: (name) => { door.dataset.state = name; } });
button.click();
