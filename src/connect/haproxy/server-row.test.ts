import { describe, expect, test } from "vitest"
import { viewOf } from "./server-row.ts"
import { statRows } from "./tables.ts"

const STATE =
  "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port"
const STAT =
  "# pxname,svname,qcur,scur,slim,check_status,check_code,last_chk,check_rise,check_fall,hrsp_2xx,hrsp_5xx,-,"

/** Both tables with one server each, given what differs. */
function view(more: { readonly state?: string; readonly stat?: string } = {}) {
  const state = more.state ?? "3 web 2 a 10.0.0.2 2 0 30 20 0 15 3 4 6 0 0 0 - 8080"
  const stat = more.stat ?? "web,a,0,2,50,L7OK,200,Layer7 check passed,2,3,7,1,,"
  return viewOf(`${STATE}\n${state}\n\n${STAT}\n${stat}\nweb,BACKEND,0,0,20,,,,,,,,,\n\n`)
}

describe("what HAProxy says of a server", () => {
  test("is read from both tables", () => {
    const { backends, servers } = view()
    expect([...backends]).toEqual(["web"])
    expect(servers.get("web/a")).toMatchObject({
      ...{ backend: "web", name: "a", address: "10.0.0.2", port: 8080, weight: 30, state: "ready", isUp: true },
      ...{ maxConnections: 50, sessions: 2, queued: 0 },
      check: { rise: 2, fall: 3, passed: true, words: "L7OK, 200, Layer7 check passed" },
      counters: { requests: 8, responses: { "2xx": 7, "5xx": 1 } },
    })
  })

  test.each([
    [0, "ready"],
    [1, "maint"],
    [4, "maint"],
    [8, "drain"],
    [9, "maint"],
    [16, "drain"],
    [32, "maint"],
  ])("admin state %i is %s", (admin, state) => {
    const { servers } = view({ state: `3 web 2 a 10.0.0.2 2 ${admin} 30 20 0 15 3 4 6 0 0 0 - 8080` })
    expect(servers.get("web/a")?.state).toBe(state)
  })

  test("without checks, without an address, without a limit", () => {
    const { servers } = view({ state: "3 web 2 a - 0 1 1 1 0 1 0 0 0 0 0 0 shop.test 80", stat: "web,a,0,0,,,,,,,,,," })
    expect(servers.get("web/a")).toMatchObject({
      address: "",
      check: undefined,
      maxConnections: undefined,
      isUp: false,
    })
  })

  test("one that went between the two answers is not there", () => {
    expect(view({ stat: "web,b,0,0,,,,,,,,,," }).servers.size).toBe(0)
  })

  test("quotes and commas in a cell stay what they are", () => {
    expect(statRows('# pxname,last_chk,\nweb,"said ""no"", twice",\n')[0]?.get("last_chk")).toBe('said "no", twice')
  })

  test.each(["", "hello", "2\n# be_id", `${STATE}\n`])("%j is no answer of HAProxy", (text) => {
    expect(() => viewOf(text)).toThrow(expect.objectContaining({ code: "HAPROXY_PROTOCOL" }))
  })
})
