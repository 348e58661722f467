// What should be true of a small site: two files in a folder. A stage is the same program with other parameters.
import { json, on, program, resource, text } from "fettle"
import * as host from "fettle/host"

export default program(
  "site",
  { home: "/tmp/site", greeting: "Hello", banner: true },
  ({ home, greeting, banner }) => {
    on(host.local(), () => {
      const root = resource(host.directory, "root", { path: `${home}/site` })
      resource(host.file, "config", { path: text`${root.path}/config.json`, content: json({ greeting, port: 8080 }) })
      if (banner) resource(host.file, "banner", { path: text`${root.path}/banner.txt`, content: `${greeting}!\n` })
    })
  },
  { stages: { prod: { greeting: "Welcome" } } },
)
