"""Words that run from right to left, beside those that do not."""

from playwright.sync_api import Page, expect

from tests.member import Member

# At which side a paragraph begins, and on which side of its words its last sign stands.
PLACE_OF_THE_END = """(paragraph) => {
  const text = paragraph.firstChild;
  const boxOf = (from, to) => {
    const range = document.createRange();
    range.setStart(text, from);
    range.setEnd(text, to);
    return range.getBoundingClientRect();
  };
  const [whole, first, last] = [boxOf(0, text.length), boxOf(0, 1), boxOf(text.length - 1, text.length)];
  const box = paragraph.getBoundingClientRect();
  return {
    side: whole.left - box.left > box.right - whole.right ? "right" : "left",
    mark: last.left < first.left ? "left" : "right",
  };
}"""


def test_words_run_to_their_own_side(page: Page, member: Member) -> None:
    conversation = member.new_conversation()
    member.say(conversation, "repeat: مرحبا بالعالم!\n\nGood!", model="demo-swift")
    page.goto(f"/chat/{conversation}/")
    paragraphs = page.locator("#log .message--answer .prose p")
    expect(paragraphs).to_have_text(["مرحبا بالعالم!", "Good!"])

    places = [paragraph.evaluate(PLACE_OF_THE_END) for paragraph in paragraphs.all()]

    # In Arabic a sentence begins at the right, and its mark of exclamation stands to the left of its words.
    assert places == [{"side": "right", "mark": "left"}, {"side": "left", "mark": "right"}]
