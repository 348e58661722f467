// Unpacks what the page is drawn from, and draws it part by part, so that what stands on top is there first.

import { drawChecks } from "./checks.js"
import { drawCurves } from "./curves.js"
import { drawGraph } from "./graph.js"
import { drawLogs } from "./logs.js"
import { drawPlan } from "./plan.js"
import { drawTime } from "./time.js"
import { unpack } from "./unpack.js"

async function begin() {
  const report = await unpack("data")
  for (const draw of [drawPlan, drawChecks, drawCurves, drawTime, drawGraph, drawLogs]) {
    draw(report)
    await new Promise((done) => setTimeout(done))
  }
  document.documentElement.dataset.drawn = String(Math.round(performance.now()))
}

begin()
