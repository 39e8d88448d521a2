// The welfare page.
import { wireDraw } from "./draw.js";
import { wireEarning } from "./earning.js";
import { followDeliveries } from "./prizes.js";

wireDraw();
wireEarning();
if (document.querySelector("#prize-list .badge--gold")) followDeliveries();
