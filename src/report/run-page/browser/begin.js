// Unpacks what the page is drawn from, and draws it part by part, so that what stands on top is there first.

async function unpack(id) {
  const letters = document.getElementById(id).textContent
  const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0))
  const opened = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))
  return JSON.parse(await new Response(opened).text())
}

async function begin() {
  const report = await unpack("data")
  for (const draw of [drawPlan, drawChecks, drawCurves, drawTime, drawGraph, drawLogs]) {
    draw(report)
    await new Promise((done) => setTimeout(done))
  }
  document.documentElement.dataset.drawn = "yes"
}

begin()
