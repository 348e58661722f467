// A line in a file that others write, too, and three steps of which each must happen once.
import { type Node, on, program, resource } from "fettle"
import * as host from "fettle/host"

export default program("steps", { home: "/tmp/steps" }, ({ home }) => {
  on(host.local(), () => {
    resource(host.line, { path: `${home}/hosts`, line: "10.0.0.2 database" })
    let before: Node[] = []
    for (const step of ["one", "two", "three"]) {
      // Each notes that it ran, and leaves the file by which the next look knows that it is done.
      const script = `while [ -e hold.${step} ]; do touch waiting.${step}; sleep 0.05; done; echo ${step} >>ran; touch done.${step}`
      const guard = { cwd: home, creates: `${home}/done.${step}` }
      before = [
        resource(host.command, step, { name: step, command: ["sh", "-c", script], ...guard }, { after: before }),
      ]
    }
  })
})
