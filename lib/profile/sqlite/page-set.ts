/** The pages of a database that something has claimed. */
export class PageSet {
  readonly #count: number;
  readonly #claimed: Uint8Array;

  /** @param count pages of the database */
  constructor(count: number) {
    this.#count = count;
    this.#claimed = new Uint8Array(count + 1);
  }

  /** @throws RangeError when there is no such page, or it was claimed before */
  claim(number: number): void {
    if (number < 1 || number > this.#count) throw new RangeError(`it refers to page ${number} of ${this.#count}`);
    if (this.#claimed[number]) throw new RangeError(`page ${number} is used twice`);
    this.#claimed[number] = 1;
  }
}
