// Decides at each point that is passed whether the agent dies there. `die` is an argument, so that this can be tested alive.
import type { Order, Orders } from './orders.ts'

export class Trap {
  readonly #orders: Orders
  readonly #die: () => void
  /** How often the point of the order with this id was passed. */
  #counted = { id: '', times: 0 }

  /** @param die ends the process at once, and does not return when it is the real one */
  constructor(orders: Orders, die: () => void) {
    this.#orders = orders
    this.#die = die
  }

  /** Call synchronously at the point. */
  pass(point: string): void {
    const order = this.#orders.get()
    if (order === null) return
    if (order.do === 'die') {
      this.#passOrdered(order, point)
      return
    }
    this.#orders.notePassed(point)
    if (order.points.includes(point) && !this.#orders.died().includes(point)) this.#dieAt(point)
  }

  #passOrdered({ id, point: deadly, nth }: Extract<Order, { do: 'die' }>, point: string): void {
    if (deadly !== point) return
    if (this.#counted.id !== id) this.#counted = { id, times: 0 }
    this.#counted.times += 1
    if (this.#counted.times < nth) return
    this.#orders.fulfil()
    this.#dieAt(point)
  }

  #dieAt(point: string): void {
    this.#orders.noteDeath(point)
    this.#die()
  }
}
