export { module } from "./providers/ansible/module.ts"
export { playbook } from "./providers/ansible/playbook.ts"
