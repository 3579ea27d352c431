/* Offers the camera at /verify where there may be one. */

const door = document.getElementById("camera-door");
const button = document.getElementById("camera");

if (navigator.mediaDevices) {
  door.hidden = false;
  button.addEventListener("click", openCamera, { once: true });
}

function openCamera() {
  import("./verify-camera.js").catch(() => {
    door.dataset.state = "unread";
    button.addEventListener("click", () => location.reload());
  });
}
