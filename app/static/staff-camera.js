/* Reads students' codes by the camera of a counter. Loaded when the camera is touched. */

import { setUpCamera } from "./qr-camera.js";
import { openReader } from "./qr-reader.js";

const door = document.getElementById("camera-door");
const button = document.getElementById("camera");
const photo = document.getElementById("photo");

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

/** Start the camera; `take` gets the text of each code. Another code in view, of a poster or a card, is not meant where
    one of ours is. */
export function open(take) {
  const place = `${door.dataset.baseUrl.replace(/^https?:/, "")}/c/`.toLowerCase();
  door.insertBefore(document.getElementById("camera-parts").content, photo);
  const [video, light] = ["video", "light"].map((id) => document.getElementById(id));
  setUpCamera({
    button, video, light, getReader,
    found: (texts) => {
      const ours = texts.filter((text) => text.toLowerCase().includes(place));
      take((ours.length ? ours : texts).join("\n"));
    },
    failed: (name) => {
      door.dataset.state = name;
      photo.open = true;
    },
  });
  button.click();
}
