export { conforms, conformsTests, type Finding, type Register } from "./testing/conforms.ts"
export type { ConformsOptions } from "./testing/trial.ts"
export type { Faults, GivenProps, World } from "./testing/world.ts"
