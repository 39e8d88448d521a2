// The welfare page.
import { renewParts } from "../core/parts.js";
import { onReturn } from "../core/way_back.js";
import { wireDraw } from "./draw.js";
import { wireEarning } from "./earning.js";
import { followDeliveries } from "./prizes.js";

// Made before midnight, or before another device drew, these say what is no longer so.
const renew = () => renewParts(["hero", "sign-in", "exchange", "prizes", "ways"]);

wireDraw();
wireEarning();
onReturn(renew);
document.addEventListener("day:changed", renew);
if (document.querySelector("#prize-list .badge--gold")) followDeliveries();
