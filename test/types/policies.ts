// Policies around functions and methods: their types stay as they were.
import { allowed, callSignal, cpu, guard, guarded, logged, rate, retry, timeout } from "fettle"
import { exactly } from "./exactly.ts"

const page = guarded(async (n: number, tag?: string) => ({ n, tag }), [retry({ times: 3 }), timeout("2s")])
exactly<Promise<{ n: number; tag: string | undefined }>>()(page(1))
// @ts-expect-error Argument of type 'string' is not assignable to parameter of type 'number'
page("1")
// @ts-expect-error Type 'number' is not assignable to type 'Promise<unknown>'
guarded((n: number) => n, [retry()])
// @ts-expect-error is not assignable to type 'Policy'
guarded(page, ["retry"])
// @ts-expect-error Type 'string' is not assignable to type 'number'
retry({ times: "often" })
// @ts-expect-error Argument of type '"soon"' is not assignable to parameter of type
timeout("soon")

/** A service of a user. */
export class Orders {
  prefix = "order"

  @guard(retry({ times: 3 }), timeout("2s"), rate({ calls: 120, per: "1m" }))
  async place(id: string, amount: number): Promise<string> {
    return `${this.prefix} ${id}: ${amount}`
  }

  @guard(
    logged((record) => void record),
    allowed({ stages: ["dev"] }),
  )
  static async drop(): Promise<void> {}

  @guard(timeout("1s"))
  async #hidden(times: number): Promise<number> {
    return times
  }

  total(): Promise<number> {
    return this.#hidden(2)
  }

  // @ts-expect-error is not assignable to type 'Promise<
  @guard(timeout("1s"))
  size(): number {
    return 1
  }

  // @ts-expect-error Unable to resolve signature of property decorator
  @guard(timeout("1s"))
  field = async () => 1

  // @ts-expect-error is not assignable to parameter of type 'Policy'
  @guard("1s")
  async late(): Promise<void> {}
}

const orders = new Orders()
exactly<Promise<string>>()(orders.place("a", 1))
exactly<Promise<void>>()(Orders.drop())
// @ts-expect-error Argument of type 'string' is not assignable to parameter of type 'number'
orders.place("a", "1")
// @ts-expect-error Type 'string' is not assignable to type 'number'
export const wrong: number = await orders.place("a", 1)

// cpu: a function of a module, called from afar, keeps its arguments and gives a promise.
const exactlyFar = cpu<typeof exactly>(new URL("./exactly.ts", import.meta.url), "exactly")
const length = cpu<(text: string, times?: number) => number>("/srv/length.ts", "length")
exactly<Promise<number>>()(length("a", 2))
// @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'string'
length(1)
// @ts-expect-error Expected 2-3 arguments, but got 1
cpu("/srv/length.ts")
exactly<AbortSignal>()(callSignal())
void exactlyFar
