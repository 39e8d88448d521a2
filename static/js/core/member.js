// Whose page this is. Signing out, closing and freezing take what the member left in this browser, in every tab.
import { forget, forgetOthers } from "./storage.js";
import { tabsAbout } from "./tabs.js";

// The member's id, "" when nobody may write here (signed out, frozen), undefined on pages that cannot know.
const { member } = document.documentElement.dataset;
const tabs = tabsAbout("member");
let isLeaving = false;

/** The session of this page is over: forget its member, and show what the site shows without one. */
export function leave(address = location.href) {
  isLeaving = true; // the other tabs will say it too, and this one is on its way
  forget();
  tabs.tell("");
  location.replace(address);
}

export function wireMember() {
  forgetOthers();
  if (member === undefined) return;
  tabs.tell(member);
  tabs.hear((present) => {
    if (isLeaving || present === member) return;
    forget();
    location.reload();
  });
}
