// Records from the microphone, has what there is so far drawn each second, and saves it.
"use strict";

const KIND = "audio/webm;codecs=opus";
const MOST_SECONDS = 28;  // the server takes a little more
const MAGMA = [[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
const SHADES = Uint32Array.from({ length: 256 }, (_, i) => {
  const place = (i / 255) * (MAGMA.length - 1), from = Math.min(Math.floor(place), MAGMA.length - 2);
  const [red, green, blue] = MAGMA[from].map((low, k) => low + (place - from) * (MAGMA[from + 1][k] - low));
  return 0xff000000 | (blue << 16) | (green << 8) | red;  // as ImageData has them in memory
});
const LEFT = 48, BELOW = 20, ABOVE = 6, RIGHT = 8;
const element = (id) => document.getElementById(id);

let recorder = null, chunks = [], isAsking = false, isStale = false, latest = null;

function say(text, isError = false) {
  element("status").textContent = text;
  element("status").classList.toggle("is-error", isError);
}

async function send(address) {
  const answer = await fetch(address, { method: "POST", body: new Blob(chunks, { type: KIND }) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

// One question at a time: what comes in meanwhile is asked for when the answer is there.
async function refresh() {
  isStale = isAsking;
  if (isAsking) return;
  isAsking = true;
  try {
    latest = await send("/panels");
    draw();
    if (recorder.state === "recording") say(`Recording: ${latest.seconds.toFixed(1)} s`);
  } catch (error) {
    if (recorder.state !== "recording") say(error.message, true);  // the first second may hold no sound yet
  }
  isAsking = false;
  if (isStale) await refresh();
}

async function start() {
  if (!window.MediaRecorder || !MediaRecorder.isTypeSupported(KIND)) return say(`This browser does not record ${KIND}.`, true);
  try {
    // What makes speech pleasant on the telephone would be in the features.
    const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    recorder = new MediaRecorder(await navigator.mediaDevices.getUserMedia({ audio: wanted }), { mimeType: KIND });
  } catch (error) {
    return say(`The microphone cannot be used: ${error.message}`, true);
  }
  chunks = [];
  recorder.ondataavailable = (event) => {
    if (chunks.push(event.data) >= MOST_SECONDS) stop();
    refresh();
  };
  recorder.onstop = () => {
    recorder.stream.getTracks().forEach((track) => track.stop());
    URL.revokeObjectURL(element("player").src);
    element("player").src = URL.createObjectURL(new Blob(chunks, { type: KIND }));
    element("player").hidden = element("save").disabled = false;
    element("record").textContent = "Record again";
    say("Give it a name, and save it.");
  };
  recorder.start(1000);
  element("save").disabled = true;
  element("record").textContent = "Stop";
  say("Recording");
}

function stop() {
  if (recorder && recorder.state === "recording") recorder.stop();
}

async function save(event) {
  event.preventDefault();
  element("save").disabled = true;
  say("Saving");
  try {
    const found = await send(`/save?name=${encodeURIComponent(element("name").value)}`);
    const failures = Object.entries(found.failures).map(([reason, count]) => `${count} ${reason}`).join(", ");
    say(`Saved ${found.name}; clips in ${found.store}: ${found.clips}${failures && `, and in quarantine: ${failures}`}.`);
  } catch (error) {
    say(error.message, true);
    element("save").disabled = false;
  }
}

function draw() {
  if (!latest) return;
  latest.panels.forEach((panel, number) => {
    const place = element("panels").children[number] || newFigure();
    const [caption, canvas] = place.children;
    caption.replaceChildren(panel.name, " ", Object.assign(document.createElement("span"), { textContent: panel.unit }));
    canvas.setAttribute("aria-label", `${panel.name} of ${latest.seconds.toFixed(1)} seconds`);
    paint(canvas, panel);
  });
}

function newFigure() {
  const figure = document.createElement("figure"), canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  figure.append(document.createElement("figcaption"), canvas);
  return element("panels").appendChild(figure);
}

function paint(canvas, panel) {
  const dots = window.devicePixelRatio || 1, style = getComputedStyle(document.documentElement);
  const width = canvas.clientWidth - LEFT - RIGHT, height = canvas.clientHeight - ABOVE - BELOW;
  canvas.width = canvas.clientWidth * dots;
  canvas.height = canvas.clientHeight * dots;
  const pen = canvas.getContext("2d");
  pen.scale(dots, dots);
  pen.imageSmoothingEnabled = false;
  const x = (share) => LEFT + share * width, y = (share) => ABOVE + (1 - share) * height;
  pen.strokeStyle = style.getPropertyValue("--line");
  if (panel.pixels) pen.drawImage(imageOf(panel), LEFT, ABOVE, width, height);
  if (panel.lows) trace(pen, panel.lows.flatMap((low, i) => [low, panel.highs[i]]), (i, n) => Math.floor(i / 2) / (n / 2), x, y);
  if (panel.heights) trace(pen, panel.heights, (i, n) => (i + 0.5) / n, x, y);
  pen.fillStyle = style.getPropertyValue("--faint");
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const [share, text] of panel.y) pen.fillText(text, LEFT - 4, Math.min(y(share), ABOVE + height - 5) + (share === 1 ? 5 : 0));
  for (const [share, text] of panel.x) {
    pen.textAlign = share === 0 ? "left" : share === 1 ? "right" : "center";
    pen.fillText(text, x(share), ABOVE + height + BELOW / 2);
  }
  pen.strokeStyle = style.getPropertyValue("--faint");
  pen.strokeRect(LEFT - 0.5, ABOVE - 0.5, width + 1, height + 1);
}

function trace(pen, values, across, x, y) {
  pen.beginPath();
  values.forEach((value, i) => pen.lineTo(x(across(i, values.length)), y(value)));
  pen.stroke();
}

function imageOf(panel) {
  const bytes = atob(panel.pixels), image = new ImageData(panel.width, panel.height);
  const dots = new Uint32Array(image.data.buffer);
  for (let i = 0; i < bytes.length; i++) dots[i] = SHADES[bytes.charCodeAt(i)];
  const canvas = Object.assign(document.createElement("canvas"), { width: panel.width, height: panel.height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

element("record").onclick = () => (recorder && recorder.state === "recording" ? stop() : start());
element("form").onsubmit = save;
window.onresize = draw;
