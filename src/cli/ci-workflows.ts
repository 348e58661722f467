/** What `fettle init --ci` writes: where, and what. */
export interface Workflow {
  readonly file: string
  readonly text: string
}

/** The CI systems that a workflow is written for. */
export const workflows: Readonly<Record<string, (version: string, program: string) => Workflow>> = {
  github: (version, program) => ({ file: ".github/workflows/fettle.yml", text: filled(GITHUB, version, program) }),
  gitlab: (version, program) => ({ file: ".gitlab-ci.yml", text: filled(GITLAB, version, program) }),
}

function filled(text: string, version: string, program: string): string {
  return text.replace("VERSION", version).replace("PROGRAM", program)
}

/**
 * The job for pull requests runs what stands on the main branch: its text, its Fettle. The pull request itself is data, and its program
 * runs behind the wall. The jobs that have credentials never see it before it is merged.
 */
const GITHUB = `# Pull requests: what they would change, as a comment, without credentials. Main: planned, approved by the reviewers of the
# environment "production", applied exactly as planned. By night: what drifted.
# To do once: the environment with its reviewers; the secrets FETTLE_STORE (postgres://… or s3://…, where all runs find the state)
# and FETTLE_STATE_KEY (openssl rand -base64 32); and how to log in (see "log in" below).
name: fettle
on:
  pull_request_target: # this file and Fettle come from the main branch; of the pull request only files are read
  push:
    branches: [main]
  schedule:
    - cron: "17 4 * * *"
permissions: {}
concurrency: fettle-\${{ github.event.number || 'main' }}
env:
  FETTLE: fettle@VERSION

jobs:
  propose:
    if: github.event_name == 'pull_request_target'
    runs-on: ubuntu-24.04
    permissions: { contents: read, pull-requests: write }
    steps:
      - uses: actions/checkout@v4
        with: { persist-credentials: false } # the main branch: its packages are the ones that run
      - uses: actions/checkout@v4
        with: { ref: "\${{ github.event.pull_request.head.sha }}", path: proposed, persist-credentials: false }
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
      - name: install
        run: |
          sudo apt-get install -y --no-install-recommends bubblewrap
          sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 # bubblewrap makes namespaces
          npm install --global "$FETTLE" pg
          npm ci --ignore-scripts # never inside of proposed: npm obeys what lies there
          rm -rf proposed/node_modules && cp -R node_modules proposed/node_modules
      - name: propose
        run: fettle plan --untrusted --file proposed --program PROGRAM --markdown plan.md
        env: # for Fettle itself, to read state; the program has an empty environment
          FETTLE_STORE: "\${{ secrets.FETTLE_STORE }}"
          FETTLE_STATE_KEY: "\${{ secrets.FETTLE_STATE_KEY }}"
      - name: comment
        env: { GH_TOKEN: "\${{ github.token }}", NUMBER: "\${{ github.event.number }}" }
        run: |
          gh pr comment "$NUMBER" --repo "$GITHUB_REPOSITORY" --body-file plan.md --edit-last ||
            gh pr comment "$NUMBER" --repo "$GITHUB_REPOSITORY" --body-file plan.md

  plan:
    if: github.event_name == 'push'
    runs-on: ubuntu-24.04
    permissions: { contents: read, id-token: write }
    steps:
      - uses: actions/checkout@v4
        with: { persist-credentials: false }
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
      - name: install
        run: npm ci
      # log in: by OIDC, with a role that may only read. For AWS:
      # - uses: aws-actions/configure-aws-credentials@v4
      #   with: { role-to-assume: "\${{ vars.PLAN_ROLE }}", aws-region: eu-central-1 }
      - name: plan
        env:
          FETTLE_STORE: "\${{ secrets.FETTLE_STORE }}"
          FETTLE_STATE_KEY: "\${{ secrets.FETTLE_STATE_KEY }}"
        run: |
          npx fettle plan --out plan.json --markdown plan.md
          cat plan.md >> "$GITHUB_STEP_SUMMARY"
      - uses: actions/upload-artifact@v4
        with: { name: plan, path: plan.json, retention-days: 1 }

  apply:
    needs: plan
    runs-on: ubuntu-24.04
    environment: production # its reviewers have seen the plan in the summary
    permissions: { contents: read, id-token: write }
    steps:
      - uses: actions/checkout@v4
        with: { persist-credentials: false }
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
      - name: install
        run: npm ci
      - uses: actions/download-artifact@v4
        with: { name: plan }
      # log in: with a role that may change things, which only this environment can assume
      - name: apply
        env:
          FETTLE_STORE: "\${{ secrets.FETTLE_STORE }}"
          FETTLE_STATE_KEY: "\${{ secrets.FETTLE_STATE_KEY }}"
        run: npx fettle apply plan.json

  drift:
    if: github.event_name == 'schedule'
    runs-on: ubuntu-24.04
    permissions: { contents: read, id-token: write }
    steps:
      - uses: actions/checkout@v4
        with: { persist-credentials: false }
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
      - name: install
        run: npm ci
      # log in: with the role that may only read
      - name: drift
        env:
          FETTLE_STORE: "\${{ secrets.FETTLE_STORE }}"
          FETTLE_STATE_KEY: "\${{ secrets.FETTLE_STATE_KEY }}"
        run: npx fettle plan --check
`

/** Merge requests of forks run in the fork, without the project's variables: nothing here gives them any. */
const GITLAB = `# Merge requests: what they would change, without credentials. Main: planned, started by hand by who may deploy to "production",
# applied exactly as planned. By schedule: what drifted.
# To do once: the protected environment "production"; the protected variables FETTLE_STORE (postgres://… or s3://…, where all runs find
# the state) and FETTLE_STATE_KEY (openssl rand -base64 32); a schedule; and how to log in.
default:
  image: node:24-bookworm

stages: [propose, plan, apply]

propose:
  stage: propose
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  script:
    - npm install --global fettle@VERSION pg
    - npm ci --ignore-scripts # by a .npmrc of the merge request, too: so nothing here has credentials
    # In a container bubblewrap may not make namespaces; this one has no credentials, and is thrown away.
    - fettle plan --untrusted --wall node --markdown plan.md
  artifacts:
    expose_as: "what it would change"
    paths: [plan.md]

plan:
  stage: plan
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != "schedule"
  id_tokens: { FETTLE_ID_TOKEN: { aud: "https://gitlab.com" } } # log in with it, as who may only read
  script:
    - npm ci
    - npx fettle plan --out plan.json
  artifacts:
    access: developer
    expire_in: 1 day
    paths: [plan.json]

apply:
  stage: apply
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != "schedule"
      when: manual
  environment: production
  resource_group: production
  id_tokens: { FETTLE_ID_TOKEN: { aud: "https://gitlab.com" } } # log in with it, as who may change things
  script:
    - npm ci
    - npx fettle apply plan.json

drift:
  stage: plan
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
  id_tokens: { FETTLE_ID_TOKEN: { aud: "https://gitlab.com" } }
  script:
    - npm ci
    - npx fettle plan --check
`
