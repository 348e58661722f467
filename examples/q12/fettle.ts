// A module of one's own as a node of the graph: planned by its check mode, run by Python where the file lies.
import { check, file, program, resource } from "fettle"
import * as ansible from "fettle/ansible"
import * as host from "fettle/host"

export default program("flags", { home: "/tmp/flags", core: ".ansible" }, ({ home, core }) => {
  const here = host.local()
  const path = `${home}/flags.json`
  const flag = resource(
    ansible.module,
    "checkout",
    { module: "shop_flag", args: { path, name: "new-checkout", enabled: true }, core },
    { on: here },
  )
  check("written", file.contains(path, '"new-checkout": true'), { after: [flag] })
})
