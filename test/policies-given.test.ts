import { allowed, guard, guarded, logged, notify, rate, retry } from "fettle"
import { expect, it } from "vitest"
import { thrownBy } from "./program/declared.ts"

// As code without types, or with a cast, writes them.
const loose = (value: unknown): never => value as never
const work = async (): Promise<number> => 1
const webhook = "https://example.com/hook"

const wrong: Record<string, readonly [make: () => unknown, fact: string]> = {
  "a name that retry does not know": [
    () => retry(loose({ retries: 3 })),
    "retry: it has no option retries; there are times, baseDelayMs",
  ],
  "a name almost right": [() => retry(loose({ time: 3 })), "retry: it has no option time; did you mean times?"],
  "another jitter": [
    () => retry({ jitter: loose("foo") }),
    'retry: jitter must be one of "full", "decorrelated", "none", not "foo"',
  ],
  "a predicate that is none": [() => retry({ when: loose(true) }), "retry: when must be a function, not true"],
  "options that are none": [() => retry(loose(3)), "retry: its options must be an object, not 3"],
  "a text for stages": [
    () => allowed({ stages: loose("prod") }),
    'allowed: stages must be a list of texts, not "prod"',
  ],
  "a list of numbers for who": [() => allowed({ who: loose([1]) }), "allowed: who must be a list of texts, not a list"],
  "a name that allowed does not know": [() => allowed(loose({ stage: ["prod"] })), "did you mean stages?"],
  "nothing for allowed": [() => allowed(loose(undefined)), "allowed: its options must be an object, not undefined"],
  "a text for a command": [() => notify({ command: loose("page me") }), "notify: command must be a list of texts"],
  "another moment": [() => notify({ webhook, on: loose("never") }), 'notify: on must be one of "failure"'],
  "fewer than no tries": [() => notify({ webhook, times: -1 }), "notify: times must be 0 or more, not -1"],
  "no time": [() => notify({ webhook, timeoutMs: 0 }), "notify: timeoutMs must be more than 0 ms, not 0"],
  "a name that notify does not know": [() => notify(loose({ webhok: webhook })), "did you mean webhook?"],
  "a rate without calls": [() => rate(loose({ per: "1m" })), "rate: give calls"],
  "a name that rate does not know": [() => rate(loose({ calls: 1, per: "1m", brust: 1 })), "did you mean burst?"],
  "a sink that is none": [() => logged(loose("log")), 'logged: its sink must be a function, not "log"'],
  "one policy for a list": [
    () => guarded(work, loose(retry())),
    "guarded: expected a list of policies, not a single one; write [retry(…)]",
  ],
  "a word for a policy": [
    () => guarded(work, loose(["retry"])),
    'guarded: 0: expected a policy such as retry(), not "retry"',
  ],
  "a rule that nobody carries out": [
    () => guarded(work, [loose(notify({ webhook }))]),
    "notify(…) alone sends nothing here; write notified(notify(…), { fetch })",
  ],
  "no function": [() => guarded(loose(1), [retry()]), "guarded: its first argument must be a function, not 1"],
  "a word for a decorator's policy": [
    () => guard(loose("1s")),
    'guard: 0: expected a policy such as retry(), not "1s"',
  ],
}

it.each(Object.entries(wrong))("%s is refused where it is given", (_what, [make, fact]) => {
  const thrown = thrownBy(make)
  expect(thrown).toMatchObject({ code: "PROPS_INVALID", fact: expect.stringContaining(fact) })
})

it("what is right is taken, and undefined means the default", () => {
  expect(retry({ times: undefined }).settings).toMatchObject({ times: 3 })
  expect(allowed({ who: ["ann"] }).settings).toEqual({ who: ["ann"] })
  expect(notify({ webhook, times: 0 })).toMatchObject({ times: 0, on: "failure" })
  expect(() => guarded(work, [retry(), rate({ calls: 1, per: "1s" })])).not.toThrow()
})
