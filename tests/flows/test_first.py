from tests.world import World, returned


def test_a_robot_sends_a_template(shop: World) -> None:
    flow = shop.run("robot.send_template", template="order_ready", params=["Ольга", "512"], until="delivered")
    print(flow.to_dict()["log"])
    assert len(shop.sent) == 1
    assert returned(flow)["status"] == "delivered"
