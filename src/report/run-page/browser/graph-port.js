// The window on the graph: where its drawing stands and how large it is, moved by fingers, mouse and wheel.

import { BOX } from "./graph-place.js"

export const ZOOM = { least: 0.06, most: 2.5, step: 1.25 }
/** Smallest at which the letters of a box can be read. */
export const READABLE = 0.62
/** How far one press of a key moves, in pixels. */
export const MOVE = 80
/** Free room around the drawing, and least and most height of the window, in pixels. */
const ROOM = { around: 16, least: 240, most: 576 }

export class Viewport {
  constructor(canvas, layer) {
    this.canvas = canvas
    this.layer = layer
    this.view = { x: 0, y: 0, scale: 1 }
    this.listen()
  }

  get width() {
    return this.canvas.clientWidth
  }

  get height() {
    return this.canvas.clientHeight
  }

  listen() {
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false })
    const fingers = new Map()
    this.canvas.addEventListener("pointerdown", (event) => fingers.set(event.pointerId, event))
    for (const end of ["pointerup", "pointercancel", "pointerleave"])
      this.canvas.addEventListener(end, (event) => fingers.delete(event.pointerId))
    this.canvas.addEventListener("pointermove", (event) => this.drag(event, fingers))
  }

  /** Only where it is meant: else who reads on would be caught by the graph. */
  wheel(event) {
    if (!event.ctrlKey && !event.metaKey && !this.canvas.contains(document.activeElement)) return
    event.preventDefault()
    const { left, top } = this.canvas.getBoundingClientRect()
    this.zoom(event.deltaY < 0 ? 1.12 : 1 / 1.12, event.clientX - left, event.clientY - top)
  }

  /** One finger moves; two zoom. */
  drag(event, fingers) {
    const before = fingers.get(event.pointerId)
    if (before === undefined) return
    fingers.set(event.pointerId, event)
    if (fingers.size === 1) {
      this.move(event.clientX - before.clientX, event.clientY - before.clientY)
      return
    }
    const other = [...fingers.values()].find(({ pointerId }) => pointerId !== event.pointerId)
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)
    const { left, top } = this.canvas.getBoundingClientRect()
    const middle = [(event.clientX + other.clientX) / 2 - left, (event.clientY + other.clientY) / 2 - top]
    this.zoom(apart(event) / Math.max(1, apart(before)), ...middle)
  }

  move(x, y) {
    this.view.x += x
    this.view.y += y
    this.apply()
  }

  zoom(by, x = this.width / 2, y = this.height / 2) {
    const { view } = this
    const scale = Math.min(ZOOM.most, Math.max(ZOOM.least, view.scale * by))
    const real = scale / view.scale
    this.view = { x: x - (x - view.x) * real, y: y - (y - view.y) * real, scale }
    this.apply()
  }

  /** The height that a drawing wants where all of its width is seen. */
  heightFor({ width, height }) {
    const scale = Math.max(READABLE, Math.min(1.1, (this.width - 2 * ROOM.around) / width))
    return Math.min(ROOM.most, Math.max(ROOM.least, height * scale + 3 * ROOM.around))
  }

  /** All of a drawing, as large as fits. */
  fit({ width, height }, least = ZOOM.least) {
    const room = 2 * ROOM.around
    const scale = Math.max(least, Math.min(1.1, (this.width - room) / width, (this.height - room) / height))
    this.view = { x: (this.width - width * scale) / 2, y: (this.height - height * scale) / 2, scale }
    this.apply()
  }

  /** Whether all of a drawing is seen. */
  holds({ width, height }) {
    const { scale } = this.view
    return width * scale <= this.width && height * scale <= this.height
  }

  /** Brings a box into view; into the middle where that is asked for. */
  show({ x, y }, isCentred = false) {
    const { view } = this
    const [left, top] = [view.x + x * view.scale, view.y + y * view.scale]
    const [wide, high] = [BOX.width * view.scale, BOX.height * view.scale]
    const isOut = left < 0 || top < 0 || left + wide > this.width || top + high > this.height
    if (isCentred || isOut) this.move(this.width / 2 - left - wide / 2, this.height / 2 - top - high / 2)
  }

  /** Leaves no empty room on one side while something is hidden on the other. */
  close({ width, height }) {
    const within = (at, size, room) => {
      const most = ROOM.around
      const least = room - size * this.view.scale - ROOM.around
      return least > most ? (most + least) / 2 : Math.min(most, Math.max(least, at))
    }
    this.view.x = within(this.view.x, width, this.width)
    this.view.y = within(this.view.y, height, this.height)
    this.apply()
  }

  apply() {
    const { x, y, scale } = this.view
    this.layer.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`)
  }
}
