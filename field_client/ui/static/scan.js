// The camera reads a label: a frame at a time goes to the device's own program, never two at once, until one is read.
// On the page of its own what was read is followed; inside a form it fills the fields of the form.
"use strict";

(() => {
  const FRAME_EDGE = 1280;
  const JPEG_QUALITY = 0.8;
  const PAUSE_MS = 125; // eight frames a second at most: the person's hand is no quicker, the battery lasts longer
  const ADVICE_FRAMES = 3; // advice that changes with every frame cannot be read
  const QUIET = { "X-Gongdan-Quiet": "1" }; // an unattended camera must not keep the device unlocked

  class Scanner {
    constructor(panel, follow) {
      this.panel = panel;
      this.follow = follow;
      this.video = panel.querySelector("video");
      this.canvas = document.createElement("canvas");
      this.advice = panel.querySelector("[data-advice]");
      this.choices = panel.querySelector("[data-choices]");
      this.torch = panel.querySelector("[data-torch]");
      this.number = 0;
      this.same = { advice: null, frames: 0 };
      this.torch.onclick = () => this.light(this.torch.getAttribute("aria-pressed") !== "true");
      panel.querySelector("[data-photo] input[type=file]").onchange = (event) => this.readPhoto(event.target);
      panel.querySelector("[data-typed]").onsubmit = (event) => {
        event.preventDefault();
        this.found({ codes: [], typed: event.target.elements.label.value.trim() });
      };
    }

    async start() {
      if (this.stream || this.isStarting) return;
      this.isStarting = true;
      try {
        const wanted = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } };
        this.stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
        this.video.srcObject = this.stream;
        await this.video.play();
      } catch (error) {
        this.say({ NotAllowedError: "refused", NotReadableError: "busy" }[error.name] ?? "none");
        this.panel.classList.add("without-camera");
        return;
      } finally {
        this.isStarting = false;
      }
      this.panel.classList.remove("without-camera");
      const [track] = this.stream.getVideoTracks();
      const able = track.getCapabilities?.() ?? {};
      this.torch.hidden = !able.torch;
      if (able.focusMode?.includes("continuous")) {
        track.applyConstraints({ advanced: [{ focusMode: "continuous" }] }).catch(() => {});
      }
      this.watch();
    }

    stop() {
      for (const track of this.stream?.getTracks() ?? []) track.stop();
      this.stream = null;
      this.video.srcObject = null;
    }

    // The next frame that the camera shows, once the last one has been answered.
    watch() {
      if (!this.stream) return;
      const stream = this.stream;
      this.video.requestVideoFrameCallback(async () => {
        const began = performance.now();
        if (stream !== this.stream) return;
        try {
          await this.look();
        } catch {
          this.say("aim"); // the device's program was stopped, or the frame could not be read: the next one is tried
        }
        setTimeout(() => this.watch(), Math.max(0, PAUSE_MS - (performance.now() - began)));
      });
    }

    async look() {
      const { videoWidth: width, videoHeight: height } = this.video;
      const scale = Math.min(1, FRAME_EDGE / Math.max(width, height));
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
      const frame = await new Promise((done) => this.canvas.toBlob(done, "image/jpeg", JPEG_QUALITY));
      const headers = { ...QUIET, "Content-Type": "image/jpeg" };
      const answer = await window.gongdan.send(`/scan/frame?number=${this.number++}`, { method: "POST", body: frame, headers });
      const seen = await answer.json();
      if (!answer.ok || !this.stream) return;
      const read = seen.codes.join(" ");
      const isTrue = seen.is_sure || read === this.before; // a linear code may be misread once, hardly twice alike
      this.before = read;
      if (read && isTrue) {
        this.tellRead();
        await this.found({ codes: seen.codes, typed: "" });
      } else if (!read) {
        this.advise(seen.advice);
      }
    }

    async readPhoto(input) {
      if (input.files.length === 0) return;
      this.say("reading");
      const body = new FormData(input.form);
      input.value = "";
      const answer = await window.gongdan.send("/scan/photo", { method: "POST", body });
      const said = await answer.json();
      if (answer.ok) await this.found(said);
      else this.write(said.sentence);
    }

    async found(read) {
      const query = new URLSearchParams(read.codes.map((code) => ["code", code]));
      if (read.typed) query.append("typed", read.typed);
      await this.follow(this, query);
    }

    advise(advice) {
      const same = this.same;
      same.frames = same.advice === advice ? same.frames + 1 : 1;
      same.advice = advice;
      if (same.frames === ADVICE_FRAMES) this.say(advice);
    }

    // The words of the page, by the name of a data attribute: too_dark is data-too-dark.
    say(name) {
      this.write(this.panel.getAttribute(`data-${name.replaceAll("_", "-")}`));
    }

    write(sentence) {
      if (this.advice.textContent !== sentence) this.advice.textContent = sentence;
    }

    tellRead() {
      this.panel.classList.add("is-read");
      this.say("found");
      if (!navigator.userActivation?.hasBeenActive) return; // a browser lets nothing sound before the first touch
      navigator.vibrate?.(60);
      const sound = new AudioContext();
      const tone = sound.createOscillator();
      tone.frequency.value = 1200;
      tone.connect(sound.destination);
      tone.start();
      tone.stop(sound.currentTime + 0.08);
      tone.onended = () => sound.close();
    }

    async light(on) {
      const [track] = this.stream?.getVideoTracks() ?? [];
      await track?.applyConstraints({ advanced: [{ torch: on }] });
      this.torch.setAttribute("aria-pressed", String(on));
    }

    // What a label may mean, for the person to choose from; gives the lead that was chosen.
    offer(leads) {
      this.stop();
      this.choices.querySelectorAll("button").forEach((button) => button.remove());
      this.choices.hidden = false;
      return new Promise((chosen) => {
        for (const lead of leads) {
          const button = document.createElement("button");
          button.type = "button";
          const detail = document.createElement("small");
          detail.textContent = lead.detail;
          button.append(lead.title, detail);
          button.onclick = () => {
            this.choices.hidden = true;
            chosen(lead);
          };
          this.choices.append(button);
        }
        this.choices.querySelector("button").focus();
      });
    }
  }

  // A page that is put away gives the camera back to others.
  function attend(scanner) {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") scanner.stop();
      else if (scanner.panel.isConnected && !scanner.isDone) scanner.start();
    });
    window.addEventListener("pagehide", () => scanner.stop());
  }

  async function readLead(scanner, query) {
    const answer = await window.gongdan.send(`/scan/label?${query}`);
    const said = await answer.json();
    if (!answer.ok) {
      scanner.write(said.sentence);
      return null;
    }
    return said.sole === null ? scanner.offer(said.leads) : said.leads[said.sole];
  }

  const LABEL = ["gtin", "part_number", "serial", "batch", "expires_on", "part_id", "part_name", "scanned"];

  // Fills the fields named PREFIX + what was read. A label that names a part replaces all that another label said; one
  // that gives but a number (makers print serial and batch as codes of their own) is added to it.
  function fill(form, prefix, lead) {
    const namesPart = Boolean(lead.fields.gtin || lead.fields.part_number);
    const unsaid = namesPart ? LABEL.filter((name) => !(name in lead.fields)).map((name) => [name, ""]) : [];
    for (const [name, value] of [...Object.entries(lead.fields), ...unsaid]) {
      const field = form.elements[prefix + name];
      if (!(field instanceof HTMLElement) || (!value && name === "part_name" && !field.dataset.read)) continue;
      field.value = value;
      field.dataset.read = "1";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    form.dispatchEvent(new CustomEvent("label:read", { bubbles: true, detail: lead }));
  }

  async function openFor(button) {
    const box = document.createElement("dialog");
    box.className = "sheet";
    box.setAttribute("aria-label", button.textContent.trim());
    const panel = await window.gongdan.send(`/scan/panel?wanted=${encodeURIComponent(button.dataset.scan)}`);
    const close = document.createElement("form");
    close.method = "dialog";
    close.className = "close";
    const closing = document.createElement("button");
    closing.className = "quiet";
    closing.textContent = button.dataset.close;
    close.append(closing);
    box.innerHTML = await panel.text();
    box.append(close);
    document.body.append(box);
    const scanner = new Scanner(box.querySelector("[data-scanner]"), async (scanner, query) => {
      const lead = await readLead(scanner, query);
      if (!lead) return;
      fill(button.form, button.dataset.scanPrefix ?? "", lead);
      box.close();
    });
    box.addEventListener("close", () => {
      scanner.isDone = true;
      scanner.stop();
      box.remove();
      button.focus();
    });
    box.showModal();
    attend(scanner);
    scanner.start();
  }

  const page = document.querySelector("main [data-scanner]");
  if (page) {
    const from = new URLSearchParams(location.search).get("from");
    const scanner = new Scanner(page, (scanner, query) => {
      if (from) query.append("from", from);
      scanner.isDone = true;
      scanner.stop();
      location.assign(`/scan/found?${query}`);
    });
    attend(scanner);
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      scanner.isDone = false;
      page.classList.remove("is-read");
      scanner.start();
    });
    scanner.start();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-scan]");
    if (button) openFor(button);
  });
})();
