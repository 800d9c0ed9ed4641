/** The thread that helps to hash: an entry point of its own, see the Makefile. */
import { workerData } from "node:worker_threads";
import { HashTurns, type SharedTurns } from "./hash-turns.ts";

const shared: SharedTurns = workerData;
const turns = new HashTurns(shared);
if (turns.begin()) {
  try {
    while (turns.takeTurn() !== undefined);
  } catch {
    // Whoever waits for us hashes that file again, and says what is wrong with it.
  }
}
