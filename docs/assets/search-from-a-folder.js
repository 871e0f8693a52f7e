// Pages that are opened from a folder may not start a worker, and the site's search is one. Here a hidden frame runs it.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.ready = new Promise(begin => { this.frame.onload = begin })
        .then(() => {
          const inside = this.frame.contentWindow
          inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
          return new Promise(run => {
            const script = inside.document.createElement("script")
            script.src = url
            script.onload = run
            inside.document.body.appendChild(script)
          })
        })
      this.frame.srcdoc = "<body></body>"
      document.body.appendChild(this.frame)
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })))
    }
    terminate() {
      this.frame.remove()
    }
  }
}
