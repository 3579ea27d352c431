/* Opens the camera where there may be one. */
const door = document.getElementById("camera-door");
const button = document.getElementById("camera");

if (navigator.mediaDevices) {
  button.setAttribute("role", "button");
  button.addEventListener("click", openCamera);
}

function openCamera(event) {
  event.preventDefault();
  button.removeEventListener("click", openCamera);
  door.append(document.getElementById("camera-parts").content);
  import("./verify-camera.js").catch(() => {
    door.dataset.state = "unread";
  });
}
